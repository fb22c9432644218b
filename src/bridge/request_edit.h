// The edits that a request may get: a model's alias becomes its name, and a streaming chat
// completion that did not ask for its usage asks for it. Both are spliced into the bytes at their
// place; everything else of the body stays as it came. Thread: pure functions.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "bridge/routes.h"
#include "json/json.h"

namespace cove::bridge {

using Aliases = std::map<std::string, std::string, std::less<>>;

enum class AskUsage { kNo, kYes };

struct RequestEdit {
  std::string body;          // edited; empty: the request goes as it came
  std::string model;         // that the provider is asked for
  bool usage_added = false;  // the client did not ask for the chunk that will tell the usage
};

// `request` is what `body` parses to. A key that stands twice is the guard's to refuse.
RequestEdit EditRequest(Api api, std::string_view body, const json::Object& request,
                        const Aliases& aliases, AskUsage ask);

}  // namespace cove::bridge
