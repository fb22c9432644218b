// Labels of names with other letters than ASCII's. Thread: pure functions.
#pragma once

#include <string_view>

namespace cove::policy {

// Whether what follows "xn--" stands for letters at all (RFC 3492): it can be decoded, to
// characters of Unicode that are not all ASCII. `text` is in lower case.
bool IsPunycode(std::string_view text);

}  // namespace cove::policy
