// What a call used, in one measure for every API, and how each API tells it.
//
// Sources: OpenAI's Responses and Chat Completions references, Anthropic's Messages reference, and
// for the fields beside them the documents of the vendors that speak these protocols.
// Thread: pure functions.
#pragma once

#include <cstdint>

#include "json/json.h"

namespace cove::bridge {

// Tokens. What was read from a cache or written to it is not in `input`, whatever the provider's
// own total says; `output` includes reasoning.
struct Usage {
  bool known = false;
  // The answer ended before it told its output: `output` is an estimate of what was said.
  bool output_guessed = false;
  int64_t input = 0;
  int64_t cached = 0;       // read from the provider's cache
  int64_t cache_write = 0;  // written to it
  int64_t output = 0;
  int64_t reasoning = 0;       // of `output`
  int64_t cache_write_1h = 0;  // of `cache_write`: kept for an hour, which costs more (Anthropic)
  int64_t web_searches = 0;    // that the provider made and charges one by one (Anthropic)
  bool operator==(const Usage&) const = default;
};

// Each takes the object that the API calls "usage". Several of one answer tell the same count at
// different moments, so a later one replaces the earlier and nothing is ever added up. One that
// does not tell both input and output, as whole numbers, tells nothing: such a call is not free.
void ReadResponsesUsage(const json::Object& usage, Usage& out);
void ReadChatUsage(const json::Object& usage, Usage& out);
// Anthropic tells the input first and again only where it changed: what is absent stays. It is
// known once the input was told.
void ReadMessagesUsage(const json::Object& usage, Usage& out);

}  // namespace cove::bridge
