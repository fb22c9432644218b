// What a policy says about model calls, for the gateway that judges them. Pure.
#pragma once

#include "bridge/guard.h"
#include "policy/policy.h"

namespace cove::front {

bridge::Guards ReadModelGuards(const policy::Policy& policy);

}  // namespace cove::front
