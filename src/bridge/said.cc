#include "bridge/said.h"

#include "bridge/redact.h"

namespace cove::bridge {
namespace {

constexpr size_t kNameBytesMax = 256;

// Names are a claim of the provider's: bounded, and text that a column holds.
std::string Name(std::string text) {
  text.resize(CutUtf8(text, kNameBytesMax).size());
  return text;
}

std::string Kept(TextMode mode, std::string text) {
  if (mode == TextMode::kAll) return text;
  return mode == TextMode::kNone ? std::string() : Redact(text);
}

// SQLite ends a text at a NUL for some readers.
void DropNul(std::string& text) { std::erase(text, '\0'); }

}  // namespace

std::optional<TextMode> ParseTextMode(std::string_view name) {
  if (name == "all") return TextMode::kAll;
  if (name == "redacted") return TextMode::kRedacted;
  if (name == "none") return TextMode::kNone;
  return std::nullopt;
}

Said SaidBy(AnswerFacts facts) {
  Said out;
  out.answer_model = std::move(facts.model);
  out.stop = std::move(facts.stop);
  out.error = std::move(facts.error);
  out.cut = facts.cut;
  out.tools = facts.TakeTools();
  out.thoughts = facts.TakeThoughts();
  return out;
}

Said KeptOf(TextMode mode, Said said) {
  const auto keep = [mode](std::string& text) {
    DropNul(text);
    text = Kept(mode, std::move(text));
  };
  const auto name = [](std::string& text) {
    DropNul(text);
    text = Name(std::move(text));
  };
  keep(said.prompt);
  for (std::string* text : {&said.alias, &said.answer_model, &said.stop, &said.error}) name(*text);
  for (ToolCall& tool : said.tools) {
    keep(tool.input);
    for (std::string* text : {&tool.kind, &tool.name, &tool.server, &tool.call_id, &tool.item_id}) {
      name(*text);
    }
  }
  if (mode == TextMode::kNone) said.thoughts.clear();
  for (Thought& thought : said.thoughts) keep(thought.text);
  return said;
}

Result<void> InsertSaid(store::Db& db, int64_t call, const Said& said) {
  RETURN_IF_ERROR(
      db.Run("INSERT INTO ai_said (call, alias, answer_model, stop, error, cut, prompt) "
             "VALUES ($1, $2, $3, $4, $5, $6, $7)",
             {call, said.alias, said.answer_model, said.stop, said.error, said.cut, said.prompt}));
  int64_t n = 0;
  for (const ToolCall& tool : said.tools) {
    RETURN_IF_ERROR(
        db.Run("INSERT INTO ai_tool (call, n, kind, name, server, tool_call_id, item_id, input, "
               "cut) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
               {call, n++, tool.kind, tool.name, tool.server, tool.call_id, tool.item_id,
                tool.input, tool.cut}));
  }
  n = 0;
  for (const Thought& thought : said.thoughts) {
    RETURN_IF_ERROR(db.Run("INSERT INTO ai_thought (call, n, source, text) VALUES ($1, $2, $3, $4)",
                           {call, n++, thought.source, thought.text}));
  }
  return Ok();
}

Result<Said> ReadSaid(store::Db& db, int64_t call) {
  Said said;
  ASSIGN_OR_RETURN(const auto rows,
                   db.Query("SELECT alias, answer_model, stop, error, cut, prompt FROM ai_said "
                            "WHERE call = $1",
                            {call}));
  if (!rows.empty()) {
    const store::Row& row = rows[0];
    said.alias = row[0].Text();
    said.answer_model = row[1].Text();
    said.stop = row[2].Text();
    said.error = row[3].Text();
    said.cut = row[4].Int() != 0;
    said.prompt = row[5].Text();
  }
  ASSIGN_OR_RETURN(const auto tools,
                   db.Query("SELECT kind, name, server, tool_call_id, item_id, input, cut "
                            "FROM ai_tool WHERE call = $1 ORDER BY n",
                            {call}));
  for (const store::Row& row : tools) {
    said.tools.push_back({row[0].Text(), row[1].Text(), row[2].Text(), row[3].Text(), row[4].Text(),
                          row[5].Text(), row[6].Int() != 0});
  }
  ASSIGN_OR_RETURN(
      const auto thoughts,
      db.Query("SELECT source, text FROM ai_thought WHERE call = $1 ORDER BY n", {call}));
  for (const store::Row& row : thoughts) {
    said.thoughts.push_back({row[0].Text(), row[1].Text()});
  }
  return said;
}

}  // namespace cove::bridge
