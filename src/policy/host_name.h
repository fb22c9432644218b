// The one canonical form of a host name.
//
// Concept: rules, DNS questions, SNI, Host headers and CONNECT targets all pass through the same
// function before anything is compared, so that a check and a use cannot read a name differently.
// The form: lower-case A-labels of [a-z0-9-], 1 to 63 bytes each, neither starting nor ending in
// '-', at most 253 bytes, no trailing dot; what begins with "xn--" can be decoded. Everything else
// is refused, nothing is repaired: bytes outside ASCII, NUL, '_', '%', '@', ports, brackets, and
// every spelling of an IP address, also those only inet_aton(3) takes (a last label that is a
// number, WHATWG URL "ends in a number"). Thread: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace cove::policy {

inline constexpr size_t kHostBytesMax = 253;
inline constexpr size_t kLabelBytesMax = 63;

// kInvalid names what is wrong. One trailing dot is taken off.
Result<std::string> CanonicalHost(std::string_view text);

}  // namespace cove::policy
