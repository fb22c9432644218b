// Scopes: what an API key with permissions may. A name that is none of these would give nothing and
// look as if it did, so no key is made with one. Thread: pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cove::identity {

// Of a key that may call models, and make tokens that do. Daytona, which has no models, has no name
// for it; its other scopes keep their meaning.
inline constexpr std::string_view kUseModels = "use:models";

// Of a key that may make and change sandboxes, enter them, and make links into them.
inline constexpr std::string_view kWriteSandboxes = "write:sandboxes";

// kInvalid, naming the first that is none and those that there are: Daytona's, as its API lists
// them, also those of what Cove does not have, and Cove's own.
Result<void> CheckScopes(std::span<const std::string> scopes);

}  // namespace cove::identity
