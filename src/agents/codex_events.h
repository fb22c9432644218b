// What `codex exec --json` says, one JSON object a line, as values.
// Source: Codex 0.169 (thread.started, turn.started, item.started, item.completed, error,
// turn.completed, turn.failed). What is not known is kOther, never an error: Codex grows.
// Thread: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cove::agents {

struct FileChange {
  std::string path;
  std::string kind;  // "add", "update" or "delete"
};

// Tokens of the thread so far, input with what was cached.
struct CodexUsage {
  int64_t input = 0;
  int64_t cached = 0;
  int64_t output = 0;
};

struct CodexEvent {
  enum class Kind {
    kOther,
    kThreadStarted,   // text: the thread's id
    kCommandStarted,  // text: the command
    kCommandEnded,    // text, output, exit_code
    kFilesChanged,    // changes, failed
    kToolEnded,       // text: "server.tool" of an MCP call; failed
    kMessage,         // text: Markdown
    kThought,         // text
    kError,           // text; the turn may go on
    kTurnEnded,       // usage
    kTurnFailed,      // text
  };
  Kind kind = Kind::kOther;
  std::string text;
  std::string output;
  std::optional<int> exit_code;
  bool failed = false;
  std::vector<FileChange> changes;
  CodexUsage usage;
};

// Nothing when the line is no JSON object: Codex's own noise.
std::optional<CodexEvent> ParseCodexEvent(std::string_view line);

// The command as the model wrote it: without "/bin/bash -lc" and its quotes.
std::string UnwrapShell(std::string_view command);

}  // namespace cove::agents
