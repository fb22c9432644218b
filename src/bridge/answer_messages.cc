// Anthropic's Messages: events and whole messages. Source: the Messages reference, "Streaming".
#include <map>

#include "base/text.h"
#include "bridge/answer_reader.h"

namespace cove::bridge {

namespace {

constexpr size_t kUsagesMax = 4;  // one document tells one, or two
constexpr int64_t kSaidBytesPerToken = 4;

enum Id : int {
  kType,
  kErrorType,
  kEventUsage,
  kEventStop,
  kIndex,
  kDeltaJson,
  kDeltaThinking,
  kDeltaText,
  kBlock,  // a group
  kMessageId,
  kModel,
  kUsage,
  kStop,
  kContent,     // a group
  kBlockFirst,  // the fields of a block, for `content_block` and then for `content.*`
};

constexpr std::string_view kBlockFields[] = {"type",        "id",    "name",
                                             "server_name", "input", "thinking"};
enum Field : int { kBlockType, kBlockId, kName, kServer, kInput, kThinking, kFieldCount };

json::PieceTable MakeTable(const std::string& message) {
  std::vector<std::string> paths = {"type", "error.type",
                                    // In a whole message these two are the message's own, below.
                                    message.empty() ? "-" : "usage", "delta.stop_reason", "index",
                                    "delta.partial_json", "delta.thinking", "delta.text",
                                    "content_block"};
  for (const char* path : {"id", "model", "usage", "stop_reason", "content.*"}) {
    paths.push_back(message + path);
  }
  for (const std::string& of : {std::string("content_block."), message + "content.*."}) {
    for (const std::string_view field : kBlockFields) paths.push_back(of + std::string(field));
  }
  return json::PieceTable(paths);
}

struct Block {
  std::string type;
  std::string thinking;
  ToolCall tool;
};

class Messages final : public Understanding {
 public:
  Messages(AnswerForm form, AnswerFacts& facts)
      : whole_(form == AnswerForm::kJson), facts_(facts) {}
  const json::PieceTable& table() const override {
    static const json::PieceTable events = MakeTable("message.");
    static const json::PieceTable whole = MakeTable("");
    return whole_ ? whole : events;
  }
  void OnPiece(const json::Piece& piece) override;
  void OnDocument(Document document) override;

 private:
  // Where the deltas of a block go.
  struct Open {
    bool tool = false;
    size_t at = 0;
  };
  void OnField(int field, const json::Piece& piece);
  void OnUsages();
  std::optional<Open> Keep(Block block);

  const bool whole_;
  AnswerFacts& facts_;
  // Of the document under way.
  std::string type_;
  std::string error_;
  int64_t index_ = 0;
  std::string json_;
  std::string thinking_;
  size_t text_bytes_ = 0;
  std::vector<std::string> usages_;
  Block block_;
  std::vector<Block> blocks_;
  // Of the whole answer: the blocks by their index.
  std::map<int64_t, Open> open_;
  int64_t begun_with_ = 0;  // the output that its first event tells
  int64_t said_bytes_ = 0;
};

void Messages::OnPiece(const json::Piece& piece) {
  const auto text = [&piece] { return json::Unquote(piece.text); };
  switch (piece.id) {
    case kType:
      type_ = text();
      return;
    case kErrorType:
      error_ = text();
      return;
    case kMessageId:
      facts_.response_id = text();
      return;
    case kModel:
      facts_.model = text();
      return;
    case kUsage:
    case kEventUsage:
      if (!piece.cut && usages_.size() < kUsagesMax) usages_.emplace_back(piece.text);
      return;
    case kStop:
    case kEventStop:
      if (auto stop = text(); !stop.empty()) facts_.stop = std::move(stop);
      return;
    case kIndex:
      index_ = ParseInt<int64_t>(text()).value_or(0);
      return;
    case kDeltaJson:
      json_ = text();
      return;
    case kDeltaThinking:
      thinking_ = text();
      return;
    case kDeltaText:
      text_bytes_ = text().size();
      return;
    case kBlock:
    case kContent:
      if (blocks_.size() < AnswerFacts::kItemsMax) blocks_.push_back(std::move(block_));
      block_ = Block();
      return;
    default:
      OnField((piece.id - kBlockFirst) % kFieldCount, piece);
  }
}

void Messages::OnField(int field, const json::Piece& piece) {
  std::string text = json::Unquote(piece.text);
  switch (field) {
    case kBlockType:
      block_.type = std::move(text);
      return;
    case kBlockId:
      block_.tool.call_id = std::move(text);
      return;
    case kName:
      block_.tool.name = std::move(text);
      return;
    case kServer:
      block_.tool.server = std::move(text);
      return;
    case kInput:
      block_.tool.cut = piece.cut;
      block_.tool.input = std::move(text);
      return;
    default:
      block_.thinking = std::move(text);
  }
}

// tool_use, server_tool_use, mcp_tool_use and what may follow them; their results are not calls.
std::optional<Messages::Open> Messages::Keep(Block block) {
  if (block.type.ends_with("tool_use")) {
    block.tool.kind = block.type;
    // A stream begins a block with an empty input and tells it in deltas.
    if (!whole_ && block.tool.input == "{}") block.tool.input.clear();
    if (facts_.AddTool(std::move(block.tool)) == nullptr) return std::nullopt;
    return Open{true, facts_.tools().size() - 1};
  }
  if (block.type != "thinking") return std::nullopt;
  if (facts_.AddThought({"thinking", std::move(block.thinking)}) == nullptr) return std::nullopt;
  return Open{false, facts_.thoughts().size() - 1};
}

// A stream tells its input and the first token of its output when it begins, and the whole output
// when it ends: until then that is reckoned from what was said.
void Messages::OnUsages() {
  Usage& usage = facts_.usage;
  for (const std::string& text : usages_) {
    const bool starts = type_ == "message_start";
    if (!whole_ && !starts && type_ != "message_delta") break;
    const auto told = json::ParseObject(text);
    if (!told) continue;
    ReadMessagesUsage(*told, usage);
    const bool output = json::GetInt(*told, "output_tokens").value_or(-1) >= 0;
    if (starts) begun_with_ = usage.output;
    if (starts || output) usage.output_guessed = starts;
    if (whole_ && !output) usage.known = false;
  }
  said_bytes_ += static_cast<int64_t>(json_.size() + thinking_.size() + text_bytes_);
  if (usage.output_guessed) usage.output = begun_with_ + said_bytes_ / kSaidBytesPerToken;
}

void Messages::OnDocument(Document /*document*/) {
  for (Block& block : blocks_) {
    if (!whole_ && type_ != "content_block_start") break;
    const auto kept = Keep(std::move(block));
    if (kept) open_[index_] = *kept;
  }
  if (type_ == "content_block_delta") {
    if (const auto it = open_.find(index_); it != open_.end()) {
      if (it->second.tool) facts_.AppendInput(it->second.at, json_);
      if (!it->second.tool) facts_.AppendThought(it->second.at, thinking_);
    }
  }
  OnUsages();
  if (type_ == "message_stop" || type_ == "error") facts_.complete = true;
  if (!error_.empty()) facts_.error = error_;
  for (std::string* text : {&type_, &error_, &json_, &thinking_}) text->clear();
  index_ = 0;
  text_bytes_ = 0;
  usages_.clear();
  block_ = Block();
  blocks_.clear();
}

}  // namespace

std::unique_ptr<Understanding> UnderstandMessages(AnswerForm form, AnswerFacts& facts) {
  return std::make_unique<Messages>(form, facts);
}

}  // namespace cove::bridge
