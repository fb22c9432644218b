#include "bridge/usage.h"

#include <algorithm>

namespace cove::bridge {

namespace {

int64_t IntOr0(const json::Object* object, std::string_view key) {
  if (object == nullptr) return 0;
  return std::max<int64_t>(json::GetInt(*object, key).value_or(0), 0);
}

// A count that is none, is not there or is too large for one is not told.
bool Tells(const json::Object& usage, std::string_view key) {
  return json::GetInt(usage, key).value_or(-1) >= 0;
}

// A provider whose parts are more than its whole would make the input negative.
int64_t Rest(int64_t whole, int64_t part, int64_t other) {
  return std::max<int64_t>(whole - part - other, 0);
}

}  // namespace

void ReadResponsesUsage(const json::Object& usage, Usage& out) {
  const json::Object* input = json::GetObject(usage, "input_tokens_details");
  if (!Tells(usage, "input_tokens") || !Tells(usage, "output_tokens")) return;
  out.known = true;
  out.cached = IntOr0(input, "cached_tokens");
  out.cache_write = IntOr0(input, "cache_write_tokens");
  out.input = Rest(IntOr0(&usage, "input_tokens"), out.cached, out.cache_write);
  out.output = IntOr0(&usage, "output_tokens");
  out.reasoning = IntOr0(json::GetObject(usage, "output_tokens_details"), "reasoning_tokens");
}

void ReadChatUsage(const json::Object& usage, Usage& out) {
  const json::Object* prompt = json::GetObject(usage, "prompt_tokens_details");
  if (!Tells(usage, "prompt_tokens") || !Tells(usage, "completion_tokens")) return;
  out.known = true;
  out.cached = IntOr0(prompt, "cached_tokens");
  // DeepSeek and Moonshot tell it beside the prompt's own count.
  if (out.cached == 0) out.cached = IntOr0(&usage, "prompt_cache_hit_tokens");
  if (out.cached == 0) out.cached = IntOr0(&usage, "cached_tokens");
  out.cache_write = IntOr0(prompt, "cache_write_tokens");
  out.input = Rest(IntOr0(&usage, "prompt_tokens"), out.cached, out.cache_write);
  out.output = IntOr0(&usage, "completion_tokens");
  out.reasoning = IntOr0(json::GetObject(usage, "completion_tokens_details"), "reasoning_tokens");
}

void ReadMessagesUsage(const json::Object& usage, Usage& out) {
  out.known = out.known || Tells(usage, "input_tokens");
  const auto take = [](const json::Object* from, std::string_view key, int64_t& to) {
    if (from == nullptr) return;
    // Only the output may be told as 0 after something else: it is the last word, the input is not.
    if (const auto value = json::GetInt(*from, key); value && *value > 0) to = *value;
  };
  take(&usage, "input_tokens", out.input);
  take(&usage, "cache_read_input_tokens", out.cached);
  take(&usage, "cache_creation_input_tokens", out.cache_write);
  take(json::GetObject(usage, "cache_creation"), "ephemeral_1h_input_tokens", out.cache_write_1h);
  take(json::GetObject(usage, "server_tool_use"), "web_search_requests", out.web_searches);
  if (Tells(usage, "output_tokens")) out.output = IntOr0(&usage, "output_tokens");
}

}  // namespace cove::bridge
