// CallTexts: what was said in a model call, beside its row in the CallLog and under the same id:
// the human's prompt, the tools that the model called, what it told of its thinking.
//
// What is kept is a setting (ai.texts). With "none" the calls of tools are still counted by name.
// Texts are bounded (answer_facts.h); they go when their call's row goes. They are written once, at
// the call's end, and not flushed: like the end itself they may be lost to a power cut.
// Thread: loop-confined. The store must outlive the object.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bridge/answer_facts.h"
#include "store/store.h"

namespace cove::bridge {

using async::Task;

enum class TextMode {
  kAll,       // as they were
  kRedacted,  // without what looks like a secret (redact.h)
  kNone,      // no text
};
std::optional<TextMode> ParseTextMode(std::string_view name);

// What one call said.
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
Said SaidBy(std::string prompt, const AnswerFacts& facts);

class CallTexts {
 public:
  CallTexts(store::Store& store, TextMode mode) : store_(store), mode_(mode) {}

  // REQUIRES: the call has a row. kConflict: it has none any more.
  Task<Result<void>> Keep(std::string call_id, Said said);
  // Of a call of this organisation, and of this user if one is given. kNotFound: there is none.
  Task<Result<Said>> Read(OrgId org, std::optional<std::string> user, std::string call_id);

 private:
  store::Store& store_;
  TextMode mode_;
};

extern const store::Migrations kTextMigrations;  // after those of the CallLog

}  // namespace cove::bridge
