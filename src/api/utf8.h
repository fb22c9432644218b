// Text from inside a sandbox may be any bytes; JSON must be UTF-8. Thread: pure function.
#pragma once

#include <string>
#include <string_view>

namespace cove::api {

// `bytes` with every byte that is not part of a well-formed UTF-8 sequence (RFC 3629: no
// surrogates, no overlong forms) replaced by U+FFFD.
std::string LossyUtf8(std::string_view bytes);

}  // namespace cove::api
