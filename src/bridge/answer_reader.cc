#include "bridge/answer_reader.h"

#include <algorithm>

#include "base/text.h"

namespace cove::bridge {

namespace {
constexpr std::string_view kDone = "[DONE]";
}

AnswerForm FormOf(std::string_view content_type) {
  const std::string type = ToLower(Trim(content_type.substr(0, content_type.find(';'))));
  if (type == "text/event-stream") return AnswerForm::kSse;
  if (type == "application/json") return AnswerForm::kJson;
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
}

void AnswerReader::Feed(std::string_view bytes) {
  if (form_ == AnswerForm::kJson) OnBytes(bytes);
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
