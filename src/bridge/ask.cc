#include "bridge/ask.h"

#include <algorithm>

namespace cove::bridge {
namespace {

constexpr int64_t kBytesPerToken = 4;
constexpr int64_t kEventBytesPerToken = 200;
constexpr int64_t kAnswersMax = 128;

// Of one provider that may answer.
std::optional<Micros> MostAt(const std::string& provider, const PriceTable& prices,
                             const CallStart& start, int64_t continued, WallTime now) {
  const Price* price = prices.Find(provider, start.model, now, 0);
  if (price == nullptr) return std::nullopt;
  const int64_t brought = static_cast<int64_t>(std::min<uint64_t>(start.request_bytes, 1U << 30));
  int64_t prompt = start.ask.hidden_context ? price->context : brought + continued;
  prompt = std::min(prompt, price->context);
  // The row of such a prompt is the dearest that the call can come under.
  price = prices.Find(provider, start.model, now, prompt);
  Price dearest = *price;
  dearest.input =
      std::max({price->input, price->cached, price->cache_write, price->cache_write_1h});
  Usage usage;
  usage.input = prompt;
  usage.output = std::min(start.ask.output_max.value_or(price->output_max), price->output_max) *
                 start.ask.answers;
  return CostOf(dearest, usage);
}

}  // namespace

Ask ReadAsk(Api api, const json::Object& request) {
  Ask ask;
  for (const char* name : {"max_output_tokens", "max_completion_tokens", "max_tokens"}) {
    const auto most = json::GetInt(request, name);
    if (most && *most > 0) ask.output_max = std::max(ask.output_max.value_or(0), *most);
  }
  if (api == Api::kChatCompletions) {
    ask.answers = std::clamp<int64_t>(json::GetInt(request, "n").value_or(1), 1, kAnswersMax);
  }
  ask.continues = json::GetString(request, "previous_response_id").value_or("");
  const json::Value* conversation = json::Find(request, "conversation");
  const json::Value* prompt = json::Find(request, "prompt");
  ask.hidden_context = (conversation != nullptr && !conversation->is_null()) ||
                       (prompt != nullptr && prompt->is_object());
  return ask;
}

std::optional<Micros> MostOf(const PriceTable& prices, const CallStart& start, int64_t continued,
                             WallTime now) {
  std::optional<Micros> most = MostAt(start.provider, prices, start, continued, now);
  for (const std::string& fallback : start.fallbacks) {
    const auto other = MostAt(fallback, prices, start, continued, now);
    most = most && other ? std::optional(std::max(*most, *other)) : std::nullopt;
  }
  return most;
}

std::string UnpricedOf(const PriceTable& prices, const CallStart& start, WallTime now) {
  const bool here = prices.Find(start.provider, start.model, now, 0) == nullptr;
  if (here) return start.provider;
  for (const std::string& fallback : start.fallbacks) {
    if (prices.Find(fallback, start.model, now, 0) == nullptr) return fallback;
  }
  return {};
}

Usage GuessUsage(const CallStart& start, uint64_t response_bytes) {
  Usage usage;
  usage.input = static_cast<int64_t>(start.request_bytes) / kBytesPerToken;
  usage.output =
      static_cast<int64_t>(response_bytes) / (start.stream ? kEventBytesPerToken : kBytesPerToken);
  return usage;
}

}  // namespace cove::bridge
