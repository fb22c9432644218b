// The prompt of a human in a request: what a person (or who speaks for one) asked last.
// Requests that only bring results of tools have none. Thread: pure function.
#pragma once

#include <string>

#include "bridge/routes.h"
#include "json/json.h"

namespace cove::bridge {

// At most kTextBytesMax bytes of it; empty: none.
std::string HumanPrompt(Api api, const json::Object& request);

}  // namespace cove::bridge
