// Listing: filter, order, pages. Pure.
#pragma once

#include "base/result.h"
#include "control/sandbox.h"

namespace cove::control {

inline constexpr size_t kListLimitMax = 200;

// A cursor names the place in the order after the last item of a page, so pages stay right while
// sandboxes come and go.
Result<ListPage> ListSandboxes(std::vector<const Sandbox*> all, const ListQuery& query);

}  // namespace cove::control
