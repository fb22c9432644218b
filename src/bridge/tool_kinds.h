// What a request lets its provider do: the models and the hosted tools that it names. Sources: the
// providers' API references. Thread: pure functions.
#pragma once

#include <string>
#include <vector>

#include "json/json.h"

namespace cove::bridge {

// The request's model ("" where it names none), the further ones to choose from, and those that its
// tools use.
std::vector<std::string> ModelsOf(const json::Object& request);

// The kinds (guard.h) of the hosted tools that it has, and the type of each tool that is neither
// known as hosted nor as the agent's own. URLs are not among them.
std::vector<std::string> HostedKindsOf(const json::Object& request);

}  // namespace cove::bridge
