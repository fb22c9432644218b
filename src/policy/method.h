// Methods of HTTP requests, as rules name them: capitals with '-' between them, which all that are
// registered are (RFC 9110 section 16.1.1), compared exactly. Thread: pure functions.
#pragma once

#include <string_view>

#include "base/result.h"

namespace cove::policy {

// kInvalid says what to write.
Result<void> CheckMethod(std::string_view text);

}  // namespace cove::policy
