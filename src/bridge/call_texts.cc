#include "bridge/call_texts.h"

#include "bridge/redact.h"

namespace cove::bridge {

const store::Migrations kTextMigrations = {{"bridge_texts", 1, R"(
  CREATE TABLE ai_said (
    call_id TEXT PRIMARY KEY REFERENCES ai_call (id) ON DELETE CASCADE,
    prompt TEXT NOT NULL,
    alias TEXT NOT NULL,
    answer_model TEXT NOT NULL,
    stop TEXT NOT NULL,
    error TEXT NOT NULL,
    cut INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE ai_tool (
    call_id TEXT NOT NULL REFERENCES ai_call (id) ON DELETE CASCADE,
    n INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    server TEXT NOT NULL,
    tool_call_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    input TEXT NOT NULL,
    cut INTEGER NOT NULL,
    PRIMARY KEY (call_id, n)
  ) STRICT;
  CREATE INDEX ai_tool_by_call_id ON ai_tool (tool_call_id);
  CREATE TABLE ai_thought (
    call_id TEXT NOT NULL REFERENCES ai_call (id) ON DELETE CASCADE,
    n INTEGER NOT NULL,
    source TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (call_id, n)
  ) STRICT;
)"}};

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

void Prepare(TextMode mode, Said& said) {
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
}

Result<void> Insert(store::Db& db, const std::string& id, const Said& said) {
  RETURN_IF_ERROR(
      db.Run("INSERT INTO ai_said (call_id, prompt, alias, answer_model, stop, error, cut) "
             "VALUES ($1, $2, $3, $4, $5, $6, $7)",
             {id, said.prompt, said.alias, said.answer_model, said.stop, said.error, said.cut}));
  int64_t n = 0;
  for (const ToolCall& tool : said.tools) {
    RETURN_IF_ERROR(db.Run(
        "INSERT INTO ai_tool (call_id, n, kind, name, server, tool_call_id, item_id, input, cut) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        {id, n++, tool.kind, tool.name, tool.server, tool.call_id, tool.item_id, tool.input,
         tool.cut}));
  }
  n = 0;
  for (const Thought& thought : said.thoughts) {
    RETURN_IF_ERROR(
        db.Run("INSERT INTO ai_thought (call_id, n, source, text) VALUES ($1, $2, $3, $4)",
               {id, n++, thought.source, thought.text}));
  }
  return Ok();
}

}  // namespace

std::optional<TextMode> ParseTextMode(std::string_view name) {
  if (name == "all") return TextMode::kAll;
  if (name == "redacted") return TextMode::kRedacted;
  if (name == "none") return TextMode::kNone;
  return std::nullopt;
}

Said SaidBy(std::string prompt, const AnswerFacts& facts) {
  Said out;
  out.prompt = std::move(prompt);
  out.answer_model = facts.model;
  out.stop = facts.stop;
  out.error = facts.error;
  out.cut = facts.cut;
  out.tools = facts.tools();
  out.thoughts = facts.thoughts();
  return out;
}

Task<Result<void>> CallTexts::Keep(std::string call_id, Said said) {
  Prepare(mode_, said);
  co_return co_await store_.Write(
      [id = std::move(call_id), said = std::move(said)](store::Db& db) -> Result<void> {
        return Insert(db, id, said);
      },
      store::Durability::kProcess);
}

Task<Result<Said>> CallTexts::Read(OrgId org, std::optional<std::string> user,
                                   std::string call_id) {
  co_return co_await store_.Read(
      [org, user, id = std::move(call_id)](store::Db& db) -> Result<Said> {
        ASSIGN_OR_RETURN(
            const auto rows,
            db.Query("SELECT prompt, alias, answer_model, stop, error, cut, user_id FROM ai_said "
                     "JOIN ai_call ON ai_call.id = ai_said.call_id "
                     "WHERE call_id = $1 AND org_id = $2",
                     {id, org}));
        if (rows.empty() || (user && rows[0][6].Text() != *user))
          return Error(Code::kNotFound, "nothing is kept of the model call " + id);
        Said out;
        out.prompt = rows[0][0].Text();
        out.alias = rows[0][1].Text();
        out.answer_model = rows[0][2].Text();
        out.stop = rows[0][3].Text();
        out.error = rows[0][4].Text();
        out.cut = rows[0][5].Int() != 0;
        ASSIGN_OR_RETURN(const auto tools,
                         db.Query("SELECT kind, name, server, tool_call_id, item_id, input, cut "
                                  "FROM ai_tool WHERE call_id = $1 ORDER BY n",
                                  {id}));
        for (const store::Row& row : tools) {
          out.tools.push_back({row[0].Text(), row[1].Text(), row[2].Text(), row[3].Text(),
                               row[4].Text(), row[5].Text(), row[6].Int() != 0});
        }
        ASSIGN_OR_RETURN(
            const auto thoughts,
            db.Query("SELECT source, text FROM ai_thought WHERE call_id = $1 ORDER BY n", {id}));
        for (const store::Row& row : thoughts) {
          out.thoughts.push_back({row[0].Text(), row[1].Text()});
        }
        return out;
      });
}

}  // namespace cove::bridge
