#include "bridge/usage.h"

#include "base/text.h"
#include "codec/sse.h"
#include "json/json.h"

namespace cove::bridge {

namespace {

constexpr size_t kDocumentBytesMax = 16 * 1024 * 1024;

int64_t IntOr0(const json::Object* object, std::string_view key) {
  if (object == nullptr) return 0;
  return json::GetInt(*object, key).value_or(0);
}

// Responses: response.usage, in the events that end a response or in the whole answer.
bool ReadResponses(const json::Object& response, Usage& out) {
  const json::Object* usage = json::GetObject(response, "usage");
  if (usage == nullptr) return false;
  out.known = true;
  out.cached = IntOr0(json::GetObject(*usage, "input_tokens_details"), "cached_tokens");
  out.input = IntOr0(usage, "input_tokens") - out.cached;
  out.output = IntOr0(usage, "output_tokens");
  out.reasoning = IntOr0(json::GetObject(*usage, "output_tokens_details"), "reasoning_tokens");
  return true;
}

// Chat Completions: usage of the whole answer, or of the one chunk that has it.
bool ReadChat(const json::Object& chunk, Usage& out) {
  const json::Object* usage = json::GetObject(chunk, "usage");
  if (usage == nullptr) return false;
  out.known = true;
  out.cached = IntOr0(json::GetObject(*usage, "prompt_tokens_details"), "cached_tokens");
  out.input = IntOr0(usage, "prompt_tokens") - out.cached;
  out.output = IntOr0(usage, "completion_tokens");
  out.reasoning = IntOr0(json::GetObject(*usage, "completion_tokens_details"), "reasoning_tokens");
  return true;
}

// Messages: message_start tells the input, each message_delta the output so far (cumulative, so
// the last one counts and nothing is added up).
void ReadMessagesUsage(const json::Object& usage, Usage& out) {
  out.known = true;
  auto take = [&usage](std::string_view key, int64_t& to) {
    if (auto value = json::GetInt(usage, key)) to = *value;
  };
  take("input_tokens", out.input);
  take("cache_read_input_tokens", out.cached);
  take("cache_creation_input_tokens", out.cache_write);
  take("output_tokens", out.output);
}

bool EndsResponse(std::string_view type) {
  return type == "response.completed" || type == "response.incomplete" || type == "response.failed";
}

}  // namespace

AnswerForm FormOf(std::string_view content_type) {
  const std::string type = ToLower(Trim(content_type.substr(0, content_type.find(';'))));
  if (type == "text/event-stream") return AnswerForm::kSse;
  if (type == "application/json") return AnswerForm::kJson;
  return AnswerForm::kOther;
}

struct UsageReader::Parser {
  codec::SseParser sse;
};

UsageReader::UsageReader(Api api, AnswerForm form) : api_(api), form_(form) {
  if (form_ != AnswerForm::kSse) return;
  auto on_event = [this](const codec::SseEvent& event) { OnDocument(event.data); };
  parser_ = std::make_unique<Parser>(Parser{codec::SseParser(on_event)});
}

UsageReader::~UsageReader() = default;

void UsageReader::Feed(std::string_view bytes) {
  if (form_ == AnswerForm::kSse) {
    parser_->sse.Feed(bytes);
  } else if (form_ == AnswerForm::kJson && !too_large_) {
    too_large_ = document_.size() + bytes.size() > kDocumentBytesMax;
    if (too_large_) {
      document_ = {};
    } else {
      document_ += bytes;
    }
  }
}

void UsageReader::Finish() {
  if (form_ == AnswerForm::kSse) {
    parser_->sse.End();
  } else if (form_ == AnswerForm::kJson && !document_.empty()) {
    OnDocument(document_);
    document_ = {};
  }
}

void UsageReader::OnDocument(std::string_view text) {
  if (text == "[DONE]") {
    complete_ = true;
    return;
  }
  // Most events are deltas that tell no usage: not worth a parse.
  const bool last = api_ == Api::kMessages && text.find("message_stop") != text.npos;
  if (!last && text.find("\"usage\"") == text.npos) return;
  auto parsed = json::ParseObject(text);
  if (!parsed) return;
  const json::Object& event = *parsed;
  const std::string type = json::GetString(event, "type").value_or("");
  if (api_ == Api::kResponses) {
    const json::Object* response = json::GetObject(event, "response");
    if (form_ == AnswerForm::kJson) response = &event;
    if (response == nullptr) return;
    if (auto id = json::GetString(*response, "id")) response_id_ = *id;
    if (form_ == AnswerForm::kSse && !EndsResponse(type)) return;
    ReadResponses(*response, usage_);
    complete_ = true;
  } else if (api_ == Api::kChatCompletions) {
    if (auto id = json::GetString(event, "id")) response_id_ = *id;
    ReadChat(event, usage_);
  } else if (api_ == Api::kMessages) {
    const json::Object* message = json::GetObject(event, "message");
    if (form_ == AnswerForm::kJson) message = &event;
    if (message != nullptr) {
      if (auto id = json::GetString(*message, "id")) response_id_ = *id;
    }
    const json::Object* usage = json::GetObject(message != nullptr ? *message : event, "usage");
    if (usage != nullptr) ReadMessagesUsage(*usage, usage_);
    if (type == "message_stop") complete_ = true;
  }
}

}  // namespace cove::bridge
