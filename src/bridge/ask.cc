#include "bridge/ask.h"

#include <algorithm>
#include <array>
#include <span>

namespace cove::bridge {
namespace {

constexpr int64_t kBytesPerToken = 4;
constexpr int64_t kEventBytesPerToken = 200;
constexpr int64_t kAnswersMax = 128;
// What a web search may bring into the prompt. Source: OpenAI's "Web search", Limitations.
constexpr int64_t kSearchTokensMax = 128'000;

// Who may answer a call, and with what.
struct Answerer {
  const std::string& provider;
  const std::string& model;
};

// A request that names only further models has none of its own.
std::vector<Answerer> AnswerersOf(const CallStart& start) {
  std::vector<Answerer> out;
  const auto add = [&](const std::string& provider) {
    if (!start.model.empty() || start.ask.models.empty()) out.push_back({provider, start.model});
    for (const std::string& model : start.ask.models) out.push_back({provider, model});
  };
  add(start.provider);
  for (const std::string& fallback : start.fallbacks) add(fallback);
  return out;
}

std::optional<Micros> MostAt(const Answerer& by, const PriceTable& prices, const CallStart& start,
                             int64_t continued, WallTime now) {
  const Price* price = prices.Find(by.provider, by.model, now, 0);
  if (price == nullptr) return std::nullopt;
  const int64_t brought = static_cast<int64_t>(std::min<uint64_t>(start.request_bytes, 1U << 30));
  const int64_t searched = start.ask.searches ? kSearchTokensMax : 0;
  int64_t prompt = start.ask.hidden_context ? price->context : brought + continued + searched;
  prompt = std::min(prompt, price->context);
  // The row of such a prompt is the dearest that the call can come under.
  price = prices.Find(by.provider, by.model, now, prompt);
  Price dearest = *price;
  dearest.input =
      std::max({price->input, price->cached, price->cache_write, price->cache_write_1h});
  Usage usage;
  usage.input = prompt;
  usage.output = std::min(start.ask.output_max.value_or(price->output_max), price->output_max) *
                 start.ask.answers;
  return CostOf(dearest, usage);
}

// The names that the API has for the longest answer: a server passes over any other. Chat
// Completions has two, and some servers know only one of them.
std::span<const std::string_view> OutputNames(Api api) {
  static constexpr std::array<std::string_view, 1> kResponses = {"max_output_tokens"};
  static constexpr std::array<std::string_view, 2> kChat = {"max_completion_tokens", "max_tokens"};
  static constexpr std::array<std::string_view, 1> kMessages = {"max_tokens"};
  if (api == Api::kResponses) return kResponses;
  if (api == Api::kChatCompletions) return kChat;
  return kMessages;
}

bool Brings(const json::Object& object, std::string_view key) {
  const json::Value* value = json::Find(object, key);
  return value != nullptr && !value->is_null();
}

// An item that stands for something which the provider keeps.
bool IsReference(const json::Object& object) {
  if (Brings(object, "file_id")) return true;
  const json::Object* audio = json::GetObject(object, "audio");
  if (audio != nullptr && Brings(*audio, "id")) return true;
  const std::string type = json::GetString(object, "type").value_or("");
  if (type == "item_reference") return true;
  const bool kept = Brings(object, "id");
  if (type == "reasoning") return kept && !Brings(object, "encrypted_content");
  return type == "image_generation_call" && kept && !Brings(object, "result");
}

bool RefersInside(std::string_view holder, const json::Object& object);

// `holder` is the key that the value stands under; the items of a list stand under the list's.
bool Refers(std::string_view holder, const json::Value& value) {
  if (const auto* list = value.if_array()) {
    return std::any_of(list->begin(), list->end(),
                       [&](const auto& item) { return Refers(holder, item); });
  }
  const auto* object = value.if_object();
  if (object == nullptr) return false;
  return IsReference(*object) || RefersInside(holder, *object);
}

bool RefersInside(std::string_view holder, const json::Object& object) {
  return std::any_of(object.begin(), object.end(), [&](const auto& field) {
    return !IsOnlyText(holder, object, field.key()) && Refers(field.key(), field.value());
  });
}

// Whether the provider adds to the prompt what it keeps or fetches.
bool HidesContext(const json::Object& request, const Reach& reach) {
  const json::Value* prompt = json::Find(request, "prompt");
  if (Brings(request, "conversation") || (prompt != nullptr && prompt->is_object())) return true;
  if (!reach.urls.empty()) return true;
  for (const std::string& kind : reach.tools) {
    if (kind != "web_search" && kind != "image_generation") return true;
  }
  return RefersInside("", request);
}

}  // namespace

Ask ReadAsk(Api api, const json::Object& request, const Reach& reach) {
  Ask ask;
  for (const std::string_view name : OutputNames(api)) {
    const auto most = json::GetInt(request, name);
    if (most && *most > 0) ask.output_max = std::max(ask.output_max.value_or(0), *most);
  }
  if (api == Api::kChatCompletions) {
    ask.answers = std::clamp<int64_t>(json::GetInt(request, "n").value_or(1), 1, kAnswersMax);
  }
  ask.continues = json::GetString(request, "previous_response_id").value_or("");
  ask.hidden_context = HidesContext(request, reach);
  // It is none that is remembered: what it stands for can be of any size.
  if (ask.continues.size() > CallLog::kNameBytesMax) {
    ask.continues.clear();
    ask.hidden_context = true;
  }
  ask.models = FurtherModels(request);
  ask.searches =
      std::find(reach.tools.begin(), reach.tools.end(), "web_search") != reach.tools.end();
  return ask;
}

std::optional<Micros> MostOf(const PriceTable& prices, const CallStart& start, int64_t continued,
                             WallTime now) {
  Micros most = 0;
  for (const Answerer& by : AnswerersOf(start)) {
    const auto one = MostAt(by, prices, start, continued, now);
    if (!one) return std::nullopt;
    most = std::max(most, *one);
  }
  return most;
}

std::string UnpricedOf(const PriceTable& prices, const CallStart& start, WallTime now) {
  for (const Answerer& by : AnswerersOf(start)) {
    if (prices.Find(by.provider, by.model, now, 0) != nullptr) continue;
    return "'" + by.model + "' of " + by.provider;
  }
  return {};
}

const std::string& PaidModel(const PriceTable& prices, const CallStart& start,
                             const std::string& answered, WallTime when) {
  const auto priced = [&](const std::string& model) {
    return prices.Find(start.provider, model, when, 0);
  };
  const Price* const used = start.ask.models.empty() ? nullptr : priced(answered);
  if (used == nullptr || used == priced(start.model)) return start.model;
  // An answer may name the snapshot of what was asked for: both are of one row then.
  const auto& models = start.ask.models;
  const bool allowed = std::any_of(models.begin(), models.end(),
                                   [&](const std::string& model) { return priced(model) == used; });
  return allowed ? answered : start.model;
}

Usage GuessUsage(const CallStart& start, uint64_t response_bytes) {
  Usage usage;
  usage.input = static_cast<int64_t>(start.request_bytes) / kBytesPerToken;
  usage.output =
      static_cast<int64_t>(response_bytes) / (start.stream ? kEventBytesPerToken : kBytesPerToken);
  return usage;
}

}  // namespace cove::bridge
