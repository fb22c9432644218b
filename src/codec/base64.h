// Base64 (RFC 4648 section 4), with padding. Thread: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cove::codec {

std::string EncodeBase64(std::string_view bytes);
// Strict: nothing for other letters, wrong padding or bits that are set where none may be; so one
// text means one sequence of bytes.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace cove::codec
