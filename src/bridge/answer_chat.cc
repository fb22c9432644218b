// Chat Completions: chunks and whole completions, of OpenAI and of those who speak like it.
// Source: the Chat Completions reference; DeepSeek, Groq, Moonshot and Mistral for where they put
// usage and reasoning.
#include <map>

#include "base/text.h"
#include "bridge/answer_reader.h"

namespace cove::bridge {

namespace {

enum Id : int {
  kId,
  kModel,
  kUsage,
  kGroqUsage,
  kErrorCode,
  kErrorType,
  kErrorMessage,
  kChoice,  // a group
  kIndex,
  kFinish,
  kChoiceUsage,
  kDeltaFirst,  // the fields of `delta`, then those of `message`
};

constexpr std::string_view kFields[] = {
    "reasoning_content",
    "reasoning",
    "tool_calls.*",
    "tool_calls.*.index",
    "tool_calls.*.id",
    "tool_calls.*.type",
    "tool_calls.*.function.name",
    "tool_calls.*.function.arguments",
    "tool_calls.*.custom.name",
    "tool_calls.*.custom.input",
    "function_call",
    "function_call.name",
    "function_call.arguments",
};
enum Field : int {
  kReasoning,
  kReasoning2,
  kCall,
  kCallIndex,
  kCallId,
  kCallType,
  kName,
  kArguments,
  kCustomName,
  kCustomInput,
  kFunction,
  kFunctionName,
  kFunctionArguments,
  kFieldCount,
};

json::PieceTable MakeTable() {
  std::vector<std::string> paths = {"id",
                                    "model",
                                    "usage",
                                    "x_groq.usage",
                                    "error.code",
                                    "error.type",
                                    "error.message",
                                    "choices.*",
                                    "choices.*.index",
                                    "choices.*.finish_reason",
                                    "choices.*.usage"};
  for (const std::string of : {"choices.*.delta.", "choices.*.message."}) {
    for (const std::string_view field : kFields) paths.push_back(of + std::string(field));
  }
  return json::PieceTable(paths);
}

// A part of a call, as one chunk tells it.
struct CallPart {
  std::optional<int64_t> index;
  ToolCall tool;
};

class Chat final : public Understanding {
 public:
  explicit Chat(AnswerFacts& facts) : facts_(facts) {}
  const json::PieceTable& table() const override {
    static const json::PieceTable table = MakeTable();
    return table;
  }
  void OnPiece(const json::Piece& piece) override;
  void OnDocument(Document document) override;

 private:
  void OnField(int field, const json::Piece& piece);
  void OnChoice();
  void OnCall(int64_t choice, CallPart part);

  AnswerFacts& facts_;
  // Of the document under way.
  std::string usage_;
  std::string code_;
  std::string type_;
  bool failed_ = false;
  int64_t choice_ = 0;
  std::string finish_;
  std::string reasoning_;
  CallPart part_;
  std::vector<CallPart> parts_;
  // Of the whole answer: where the next part of a call goes.
  std::map<std::pair<int64_t, int64_t>, size_t> calls_;
  std::map<int64_t, size_t> thoughts_;
};

void Chat::OnPiece(const json::Piece& piece) {
  const auto text = [&piece] { return json::Unquote(piece.text); };
  switch (piece.id) {
    case kId:
      if (auto id = text(); !id.empty()) facts_.response_id = std::move(id);
      return;
    case kModel:
      if (auto model = text(); !model.empty()) facts_.model = std::move(model);
      return;
    case kUsage:
    case kGroqUsage:
    case kChoiceUsage:
      if (!piece.cut && piece.text.starts_with('{')) usage_ = piece.text;
      return;
    case kErrorCode:
      code_ = text();
      return;
    case kErrorType:
      type_ = text();
      return;
    case kErrorMessage:
      failed_ = !text().empty();
      return;
    case kChoice:
      OnChoice();
      return;
    case kIndex:
      choice_ = ParseInt<int64_t>(text()).value_or(0);
      return;
    case kFinish:
      finish_ = text();
      return;
    default:
      OnField((piece.id - kDeltaFirst) % kFieldCount, piece);
  }
}

void Chat::OnField(int field, const json::Piece& piece) {
  std::string text = json::Unquote(piece.text);
  ToolCall& tool = part_.tool;
  switch (field) {
    case kReasoning:
    case kReasoning2:
      // A vendor that tells it under both names means one text.
      if (reasoning_.empty()) reasoning_ = std::move(text);
      return;
    case kCallIndex:
      part_.index = ParseInt<int64_t>(text).value_or(0);
      return;
    case kCallId:
      tool.call_id = std::move(text);
      return;
    case kCallType:
      tool.kind = std::move(text);
      return;
    case kName:
    case kCustomName:
    case kFunctionName:
      tool.name = std::move(text);
      return;
    case kArguments:
    case kCustomInput:
    case kFunctionArguments:
      tool.input = std::move(text);
      tool.cut = piece.cut;
      return;
    default:  // kCall, kFunction: a call's part has ended
      if (parts_.size() < AnswerFacts::kItemsMax) parts_.push_back(std::move(part_));
      part_ = CallPart();
  }
}

void Chat::OnChoice() {
  for (CallPart& part : parts_) OnCall(choice_, std::move(part));
  if (!reasoning_.empty()) {
    const auto it = thoughts_.find(choice_);
    if (it != thoughts_.end()) {
      facts_.AppendThought(it->second, reasoning_);
    } else if (facts_.AddThought({"reasoning", std::move(reasoning_)}) != nullptr) {
      thoughts_[choice_] = facts_.thoughts().size() - 1;
    }
  }
  if (!finish_.empty()) facts_.stop = std::move(finish_);
  parts_.clear();
  reasoning_.clear();
  finish_.clear();
  choice_ = 0;
}

void Chat::OnCall(int64_t choice, CallPart part) {
  // Some leave the index out: then a new id begins a call, and what has none belongs to the last.
  int64_t index = part.index.value_or(-1);
  if (!part.index) {
    index = static_cast<int64_t>(calls_.size()) - 1;
    if (!part.tool.call_id.empty() || calls_.empty()) ++index;
  }
  const auto it = calls_.find({choice, index});
  if (it == calls_.end()) {
    if (part.tool.kind.empty()) part.tool.kind = "function";
    if (facts_.AddTool(std::move(part.tool)) != nullptr) {
      calls_[{choice, index}] = facts_.tools().size() - 1;
    }
    return;
  }
  ToolCall& tool = facts_.tool(it->second);
  if (tool.call_id.empty()) tool.call_id = std::move(part.tool.call_id);
  if (tool.name.empty()) tool.name = std::move(part.tool.name);
  facts_.AppendInput(it->second, part.tool.input);
}

void Chat::OnDocument(Document /*document*/) {
  // A document that broke off within a choice still tells what it told.
  if (!parts_.empty() || !reasoning_.empty()) OnChoice();
  if (auto usage = json::ParseObject(usage_)) ReadChatUsage(*usage, facts_.usage);
  if (failed_ && code_.empty() && type_.empty()) type_ = "error";
  if (!code_.empty() || !type_.empty()) facts_.error = code_.empty() ? type_ : code_;
  failed_ = false;
  for (std::string* text : {&usage_, &code_, &type_, &finish_}) text->clear();
  part_ = CallPart();
  choice_ = 0;
}

}  // namespace

std::unique_ptr<Understanding> UnderstandChat(AnswerForm /*form*/, AnswerFacts& facts) {
  return std::make_unique<Chat>(facts);
}

}  // namespace cove::bridge
