// What every command in a sandbox finds in its environment. Pure.
#pragma once

#include "control/sandbox.h"
#include "proto/toolbox.h"

namespace cove::control {

// Ids, where the model gateway is and which certificates to trust, then the creator's own on top,
// and placeholders of secrets. There is never a key in it: the model gateway knows a sandbox by its
// namespace, and values of secrets are put into requests outside.
proto::toolbox::EnvList EnvironmentOf(const Sandbox& sandbox, const EnvMap& placeholders);

}  // namespace cove::control
