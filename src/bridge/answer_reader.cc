#include "bridge/answer_reader.h"

#include <algorithm>

#include "base/text.h"
#include "codec/base64.h"

namespace cove::bridge {

namespace {
constexpr std::string_view kDone = "[DONE]";
}

AnswerForm FormOf(std::string_view content_type) {
  const std::string type = ToLower(Trim(content_type.substr(0, content_type.find(';'))));
  if (type == "text/event-stream") return AnswerForm::kSse;
  if (type == "application/json") return AnswerForm::kJson;
  if (type == "application/vnd.amazon.eventstream") return AnswerForm::kEventStream;
  return AnswerForm::kOther;
}

AnswerReader::AnswerReader(Api api, AnswerForm form) : form_(form) {
  if (form_ == AnswerForm::kOther) return;
  if (api == Api::kResponses) understanding_ = UnderstandResponses(form, facts_);
  if (api == Api::kChatCompletions) understanding_ = UnderstandChat(form, facts_);
  if (api == Api::kMessages) understanding_ = UnderstandMessages(form, facts_);
  if (understanding_ == nullptr) {
    form_ = AnswerForm::kOther;
    return;
  }
  pieces_ = std::make_unique<json::Pieces>(
      understanding_->table(), kTextBytesMax,
      [this](const json::Piece& piece) { understanding_->OnPiece(piece); });
  if (form == AnswerForm::kEventStream) {
    event_stream_ = std::make_unique<codec::EventStream>(
        [this](const codec::StreamMessage& message) { OnMessage(message); });
  }
}

// Source: Bedrock's InvokeModelWithResponseStream: {"bytes": the event in base64}; or an exception.
void AnswerReader::OnMessage(const codec::StreamMessage& message) {
  if (message.message_type != "event") {
    facts_.error = message.exception_type.empty() ? message.message_type : message.exception_type;
    facts_.complete = true;
    return;
  }
  const auto payload = json::ParseObject(message.payload);
  const auto bytes = payload ? json::GetString(*payload, "bytes") : std::nullopt;
  const auto event = bytes ? codec::DecodeBase64(*bytes) : std::nullopt;
  if (event) OnEvent(*event);
}

void AnswerReader::Feed(std::string_view bytes) {
  if (form_ == AnswerForm::kJson) OnBytes(bytes);
  if (form_ == AnswerForm::kEventStream) event_stream_->Feed(bytes);
  if (form_ != AnswerForm::kSse) return;
  while (!bytes.empty()) {
    const codec::SseData::Step step = sse_.Next(bytes);
    if (step.what == codec::SseData::What::kData) OnBytes(step.data);
    if (step.what == codec::SseData::What::kEnd) EndDocument();
    bytes.remove_prefix(step.used);
  }
}

void AnswerReader::OnEvent(std::string_view text) {
  OnBytes(text);
  EndDocument();
}

void AnswerReader::Finish() {
  if (form_ == AnswerForm::kSse) Feed("\n\n");
  if (form_ == AnswerForm::kJson) EndDocument();
}

void AnswerReader::OnBytes(std::string_view bytes) {
  if (form_ == AnswerForm::kOther) return;
  if (head_.size() <= kDone.size()) head_ += bytes.substr(0, kDone.size() + 1 - head_.size());
  pieces_->Feed(bytes);
}

void AnswerReader::EndDocument() {
  if (form_ == AnswerForm::kOther) return;
  pieces_->End();
  if (head_ == kDone) {
    facts_.complete = true;
  } else {
    const bool whole = pieces_->whole();
    understanding_->OnDocument(whole ? Understanding::Document::kWhole
                                     : Understanding::Document::kBroken);
    if (form_ == AnswerForm::kJson && whole) facts_.complete = true;
  }
  head_.clear();
  pieces_->Reset();
}

}  // namespace cove::bridge
