// What a request lets its call use at most, and so cost. Pure functions.
#pragma once

#include "bridge/call_log.h"
#include "bridge/routes.h"
#include "bridge/tool_kinds.h"
#include "json/json.h"

namespace cove::bridge {

// `reach` is the request's.
Ask ReadAsk(Api api, const json::Object& request, const Reach& reach);

// The most that the call can cost, as long as the provider keeps to what the request says. A token
// is at least one byte of the request, so its bytes bound what it brings along; `continued` is the
// size in tokens of the conversation that it goes on with (0: none), and nothing bounds what is
// hidden but the model's context. A web search adds what its provider says at the most. What
// hosted tools are charged beside tokens is not in it, nor that they may read their prompt twice.
// Of the providers that may answer, and of the models that the request lets them choose from, the
// dearest counts. Nothing: one of them is unpriced.
std::optional<Micros> MostOf(const PriceTable& prices, const CallStart& start, int64_t continued,
                             WallTime now);
// The first that is, for people: "'m' of openai".
std::string UnpricedOf(const PriceTable& prices, const CallStart& start, WallTime now);

// The model that is paid: the one that the provider says it used, where the request allows that and
// it has a price; else the request's own.
const std::string& PaidModel(const PriceTable& prices, const CallStart& start,
                             const std::string& answered, WallTime when);

// What a call cost whose answer told no usage: its bytes, four to a token, and of a stream's events
// kEventBytesPerToken.
Usage GuessUsage(const CallStart& start, uint64_t response_bytes);

}  // namespace cove::bridge
