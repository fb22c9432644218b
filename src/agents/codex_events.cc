#include "agents/codex_events.h"

#include "json/json.h"

namespace cove::agents {

namespace {

using Kind = CodexEvent::Kind;

std::string Text(const json::Object& object, std::string_view key) {
  return json::GetString(object, key).value_or("");
}

// A provider's error comes as its JSON: its message is what a person wants.
std::string ErrorText(std::string text) {
  auto parsed = json::ParseObject(text);
  if (!parsed) return text;
  const json::Object* error = json::GetObject(*parsed, "error");
  return json::GetString(error != nullptr ? *error : *parsed, "message").value_or(text);
}

void ReadChanges(const json::Object& item, CodexEvent& out) {
  out.kind = Kind::kFilesChanged;
  const json::Array* changes = json::GetArray(item, "changes");
  if (changes == nullptr) return;
  for (const json::Value& value : *changes) {
    if (!value.is_object()) continue;
    FileChange change;
    change.path = Text(value.as_object(), "path");
    change.kind = Text(value.as_object(), "kind");
    out.changes.push_back(std::move(change));
  }
}

void ReadItem(const json::Object& item, bool started, CodexEvent& out) {
  const std::string type = Text(item, "type");
  out.failed = Text(item, "status") == "failed";
  if (type == "command_execution") {
    out.kind = started ? Kind::kCommandStarted : Kind::kCommandEnded;
    out.text = Text(item, "command");
    out.output = Text(item, "aggregated_output");
    if (auto code = json::GetInt(item, "exit_code")) out.exit_code = static_cast<int>(*code);
    return;
  }
  if (started) return;
  if (type == "file_change") {
    ReadChanges(item, out);
  } else if (type == "agent_message") {
    out.kind = Kind::kMessage;
    out.text = Text(item, "text");
  } else if (type == "reasoning") {
    out.kind = Kind::kThought;
    out.text = Text(item, "text");
  } else if (type == "error") {
    out.kind = Kind::kError;
    out.text = ErrorText(Text(item, "message"));
  } else if (type == "mcp_tool_call") {
    out.kind = Kind::kToolEnded;
    out.text = Text(item, "server") + "." + Text(item, "tool");
  }
}

}  // namespace

std::optional<CodexEvent> ParseCodexEvent(std::string_view line) {
  auto parsed = json::ParseObject(line);
  if (!parsed) return std::nullopt;
  const json::Object& event = *parsed;
  const std::string type = Text(event, "type");
  CodexEvent out;
  if (type == "thread.started") {
    out.kind = Kind::kThreadStarted;
    out.text = Text(event, "thread_id");
  } else if (type == "item.started" || type == "item.completed") {
    if (const json::Object* item = json::GetObject(event, "item")) {
      ReadItem(*item, type == "item.started", out);
    }
  } else if (type == "error") {
    out.kind = Kind::kError;
    out.text = ErrorText(Text(event, "message"));
  } else if (type == "turn.completed") {
    out.kind = Kind::kTurnEnded;
    if (const json::Object* usage = json::GetObject(event, "usage")) {
      out.usage.input = json::GetInt(*usage, "input_tokens").value_or(0);
      out.usage.cached = json::GetInt(*usage, "cached_input_tokens").value_or(0);
      out.usage.output = json::GetInt(*usage, "output_tokens").value_or(0);
    }
  } else if (type == "turn.failed") {
    out.kind = Kind::kTurnFailed;
    if (const json::Object* error = json::GetObject(event, "error")) {
      out.text = ErrorText(Text(*error, "message"));
    }
  }
  return out;
}

std::string UnwrapShell(std::string_view command) {
  for (std::string_view shell : {"/bin/bash -lc ", "/bin/sh -lc ", "bash -lc "}) {
    if (!command.starts_with(shell)) continue;
    std::string_view rest = command.substr(shell.size());
    if (rest.size() < 2 || rest.front() != rest.back()) return std::string(rest);
    const char quote = rest.front();
    if (quote != '\'' && quote != '"') return std::string(rest);
    rest = rest.substr(1, rest.size() - 2);
    std::string out;
    for (size_t i = 0; i < rest.size(); ++i) {
      if (quote == '\'' && rest.substr(i).starts_with("'\\''")) {
        out.push_back('\'');
        i += 3;
      } else if (quote == '"' && rest[i] == '\\' && i + 1 < rest.size()) {
        out.push_back(rest[++i]);
      } else {
        out.push_back(rest[i]);
      }
    }
    return out;
  }
  return std::string(command);
}

}  // namespace cove::agents
