// OpenAI's Responses: events (SSE or WebSocket) and whole responses.
// Source: the Responses reference, "Streaming events".
#include <set>

#include "base/text.h"
#include "bridge/answer_reader.h"

namespace cove::bridge {

namespace {

enum Id : int {
  kType,
  kCode,   // of an event of type "error"
  kError,  // the same, as the WebSocket has it
  kErrorStatus,
  kItem,    // the group
  kRespId,  // from here on: of the response
  kModel,
  kStatus,
  kUsage,
  kRespError,
  kRespErrorMessage,
  kReason,
  kOutput,     // a group
  kItemFirst,  // the fields of an item, for `item` and then for `output.*`
};

constexpr std::string_view kItemFields[] = {
    "type",         "id",        "call_id", "name",           "namespace",
    "server_label", "arguments", "input",   "action",         "code",
    "queries",      "operation", "phase",   "summary.*.text", "content.*.text",
};
enum Field : int {
  kItemType,
  kItemId,
  kCallId,
  kName,
  kNamespace,
  kServer,
  kArguments,
  kInput,
  kAction,
  kSource,
  kQueries,
  kOperation,
  kPhase,
  kSummary,
  kContent,
  kFields,
};

json::PieceTable MakeTable(const std::string& response) {
  // A whole response has a status of its own there.
  const std::string status = response.empty() ? "-" : "status";
  std::vector<std::string> paths = {"type", "code", "error.code", status, "item"};
  for (const char* path : {"id", "model", "status", "usage", "error.code", "error.message",
                           "incomplete_details.reason", "output.*"}) {
    paths.push_back(response + path);
  }
  for (const std::string& of : {std::string("item."), response + "output.*."}) {
    for (const std::string_view field : kItemFields) paths.push_back(of + std::string(field));
  }
  return json::PieceTable(paths);
}

constexpr size_t kKeysMax = 1024;  // items of an answer, messages included

struct Item {
  std::string type;
  std::string phase;
  std::vector<std::string> thoughts;  // of a reasoning item its summaries
  std::vector<std::string> texts;
  ToolCall tool;
};

class Responses final : public Understanding {
 public:
  Responses(AnswerForm form, AnswerFacts& facts)
      : whole_(form == AnswerForm::kJson), shared_(form == AnswerForm::kEvents), facts_(facts) {}

  const json::PieceTable& table() const override {
    static const json::PieceTable events = MakeTable("response.");
    static const json::PieceTable whole = MakeTable("");
    return whole_ ? whole : events;
  }

  void OnPiece(const json::Piece& piece) override;
  void OnDocument(Document document) override;

 private:
  void OnField(int field, const json::Piece& piece);
  void Keep(Item item);
  void KeepItems(bool all);
  static std::string KeyOf(const Item& item);

  const bool whole_;
  const bool shared_;  // a WebSocket's
  AnswerFacts& facts_;
  // Of the document under way.
  std::string type_;
  std::string code_;
  std::string id_;
  std::string model_;
  std::string status_;
  std::string usage_;
  std::string error_;
  std::string reason_;
  bool failed_ = false;
  int error_status_ = 0;
  size_t bytes_ = 0;  // of the items' texts
  Item item_;
  std::vector<Item> done_;    // `item`
  std::vector<Item> output_;  // `response.output`
  // Of the whole answer: what the closing event repeats is kept once.
  std::set<std::string> kept_;
  bool kept_any_ = false;
};

void Responses::OnPiece(const json::Piece& piece) {
  const auto text = [&piece] { return json::Unquote(piece.text); };
  switch (piece.id) {
    case kType:
      type_ = text();
      return;
    case kCode:
    case kError:
      code_ = text();
      return;
    case kErrorStatus:
      error_status_ = ParseInt<int>(text()).value_or(0);
      return;
    case kRespId:
      id_ = text();
      return;
    case kModel:
      model_ = text();
      return;
    case kStatus:
      status_ = text();
      return;
    case kUsage:
      if (!piece.cut) usage_ = piece.text;
      return;
    case kRespError:
      error_ = text();
      return;
    case kRespErrorMessage:
      failed_ = !text().empty();
      return;
    case kReason:
      reason_ = text();
      return;
    case kItem:
    case kOutput: {
      auto& to = piece.id == kItem ? done_ : output_;
      if (to.size() < AnswerFacts::kItemsMax) to.push_back(std::move(item_));
      item_ = Item();
      return;
    }
    default:
      OnField((piece.id - kItemFirst) % kFields, piece);
  }
}

void Responses::OnField(int field, const json::Piece& piece) {
  std::string text = json::Unquote(piece.text);
  ToolCall& tool = item_.tool;
  if (bytes_ + text.size() > AnswerFacts::kBytesMax) {
    facts_.cut = tool.cut = true;
    return;
  }
  bytes_ += text.size();
  switch (field) {
    case kItemType:
      item_.type = std::move(text);
      return;
    case kItemId:
      tool.item_id = std::move(text);
      return;
    case kCallId:
      tool.call_id = std::move(text);
      return;
    case kName:
      tool.name = std::move(text);
      return;
    case kNamespace:
    case kServer:
      tool.server = std::move(text);
      return;
    case kPhase:
      item_.phase = std::move(text);
      return;
    case kSummary:
      item_.thoughts.push_back(std::move(text));
      return;
    case kContent:
      item_.texts.push_back(std::move(text));
      return;
    default:  // what a tool is given, by whatever name
      tool.input = std::move(text);
      tool.cut = piece.cut;
  }
}

std::string Responses::KeyOf(const Item& item) {
  return item.tool.item_id.empty() && item.tool.call_id.empty()
             ? std::string()
             : item.type + "\n" + item.tool.item_id + "\n" + item.tool.call_id;
}

void Responses::Keep(Item item) {
  const std::string key = KeyOf(item);
  if (kept_.size() == kKeysMax) {
    facts_.cut = true;
    return;
  }
  if (!key.empty() && !kept_.insert(key).second) return;
  const auto think = [this](std::string_view source, std::vector<std::string>& texts) {
    for (std::string& text : texts) facts_.AddThought({std::string(source), std::move(text)});
  };
  constexpr std::string_view kCall = "_call";
  if (item.type.ends_with(kCall)) {
    ToolCall tool = std::move(item.tool);
    tool.kind = item.type;
    if (tool.name.empty()) tool.name = item.type.substr(0, item.type.size() - kCall.size());
    facts_.AddTool(std::move(tool));
  } else if (item.type == "reasoning") {
    think("reasoning_summary", item.thoughts);
    think("reasoning", item.texts);
  } else if (item.phase == "commentary") {
    think("commentary", item.texts);
  }
}

// `all`: nothing of the output came before. Items without any id cannot be told from those that
// did.
void Responses::KeepItems(bool all) {
  for (Item& item : output_) {
    if (all || !KeyOf(item).empty()) Keep(std::move(item));
  }
}

void Responses::OnDocument(Document document) {
  const bool sound = document == Document::kWhole;
  const bool ending = whole_ || type_ == "response.completed" || type_ == "response.incomplete" ||
                      type_ == "response.failed" || type_ == "response.cancelled";
  if (!id_.empty() || type_.starts_with("response.")) facts_.begun = true;
  if (!id_.empty()) facts_.response_id = std::move(id_);
  if (!model_.empty()) facts_.model = std::move(model_);
  if (type_ == "response.output_item.done") {
    for (Item& item : done_) Keep(std::move(item));
    kept_any_ = true;
  }
  const bool failed = failed_ || type_ == "response.failed" || (whole_ && status_ == "failed");
  if (error_.empty() && failed) error_ = "error";
  if (ending && (sound || !usage_.empty())) {
    KeepItems(!kept_any_);
    facts_.stop = reason_.empty() ? std::move(status_) : std::move(reason_);
    if (!error_.empty()) facts_.error = std::move(error_);
    if (auto usage = json::ParseObject(usage_)) ReadResponsesUsage(*usage, facts_.usage);
    if (!whole_) facts_.complete = true;
  }
  if ((type_ == "error" && sound) || (whole_ && !code_.empty())) {
    facts_.error = code_.empty() ? "error" : std::move(code_);
    facts_.error_status = error_status_ == 0 ? 400 : error_status_;
    // A stream of one answer ends with it. On a connection of several it may be about something
    // else, and the answer's own last event can still come.
    facts_.complete = !shared_ || !facts_.begun;
  }
  for (std::string* text : {&type_, &code_, &id_, &model_, &status_, &usage_, &error_, &reason_}) {
    text->clear();
  }
  failed_ = false;
  error_status_ = 0;
  bytes_ = 0;
  item_ = Item();
  done_.clear();
  output_.clear();
}

}  // namespace

std::unique_ptr<Understanding> UnderstandResponses(AnswerForm form, AnswerFacts& facts) {
  return std::make_unique<Responses>(form, facts);
}

}  // namespace cove::bridge
