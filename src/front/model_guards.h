// What the policies say about model calls, for the gateway that judges them. Thread: loop-confined.
#pragma once

#include "bridge/guard.h"
#include "front/egress.h"

namespace cove::front {

// Of the policy that holds now, all of them.
std::vector<bridge::Guard> ModelGuards(const policy::Policy& policy);

}  // namespace cove::front
