// What was said in a model call: the human's prompt, the tools that the model called, what it told
// of its thinking. Kept beside the call's row (call_log.h), as a setting says (ai.texts). Texts are
// bounded (answer_facts.h). Thread: values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bridge/answer_facts.h"
#include "store/db.h"

namespace cove::bridge {

enum class TextMode {
  kAll,       // as they were
  kRedacted,  // without what looks like a secret (redact.h)
  kNone,      // no text; the calls of tools are still counted by name
};
std::optional<TextMode> ParseTextMode(std::string_view name);

struct Said {
  std::string prompt;        // empty: results of tools only
  std::string alias;         // the model's name as the agent gave it, where it was another
  std::string answer_model;  // that the provider says it used
  std::string stop;          // why the answer ended
  std::string error;         // code or type of the error that it carried
  bool cut = false;          // there was more than is kept
  std::vector<ToolCall> tools;
  std::vector<Thought> thoughts;
};
Said SaidBy(AnswerFacts facts);

// What `mode` lets the store have of it.
Said KeptOf(TextMode mode, Said said);

// The rows beside the call's own, on the store's thread. A call is named by its number (call_id.h).
Result<void> InsertSaid(store::Db& db, int64_t call, const Said& said);
Result<Said> ReadSaid(store::Db& db, int64_t call);

}  // namespace cove::bridge
