#include "identity/scopes.h"

#include <algorithm>

namespace cove::identity {
namespace {

constexpr std::string_view kScopes[] = {
    "write:registries", "delete:registries", "write:snapshots", "delete:snapshots",
    kWriteSandboxes,    "delete:sandboxes",  "read:volumes",    "write:volumes",
    "delete:volumes",   "write:regions",     "delete:regions",  "read:runners",
    "write:runners",    "delete:runners",    "read:audit_logs", "manage:api_keys",
    "manage:secrets",   "read:limits",       "manage:sso",      "read:billing",
    "manage:billing",   kUseModels,          "manage:policies", "read:metrics",
};
constexpr size_t kShownMax = 64;

}  // namespace

Result<void> CheckScopes(std::span<const std::string> scopes) {
  for (const std::string& scope : scopes) {
    if (std::find(std::begin(kScopes), std::end(kScopes), scope) != std::end(kScopes)) continue;
    std::string known;
    for (const std::string_view one : kScopes) {
      known += (known.empty() ? "" : ", ") + std::string(one);
    }
    return Error(Code::kInvalid,
                 "there is no permission '" + scope.substr(0, kShownMax) + "'; there are " + known);
  }
  return Ok();
}

}  // namespace cove::identity
