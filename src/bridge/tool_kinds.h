// What a request lets its provider do: the models that it may take, the hosted tools that it may
// use, the URLs that it is given. Sources: the providers' API references. Thread: pure functions.
#pragma once

#include <string>
#include <vector>

#include "bridge/fetched_urls.h"
#include "json/json.h"

namespace cove::bridge {

struct Reach {
  // The request's model ("" where it names none), the further ones to choose from, and those that
  // its tools use.
  std::vector<std::string> models;
  // The kinds (guard.h) of the hosted tools that it has, and the type of each tool that is neither
  // known as hosted nor as the agent's own. URLs are not among them.
  std::vector<std::string> tools;
  std::vector<FetchedUrl> urls;
};

// Further ones than the request's own, of which the provider may take one: where an item is no
// name, "".
std::vector<std::string> FurtherModels(const json::Object& request);

// Walks the whole request: once a call, for all that judge it.
Reach ReachOf(const json::Object& request);

}  // namespace cove::bridge
