// What an answer told: usage, who made it, how it ended, and what the model wants done and thought.
// Bounded: a text longer than kTextBytesMax is cut, and what is over the call's own limits is left
// out; `cut` says so. Thread: values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/usage.h"

namespace cove::bridge {

inline constexpr size_t kTextBytesMax = 64 * 1024;

// A tool that the model called, or that the provider ran for it.
struct ToolCall {
  std::string kind;     // as the API names it: function_call, custom_tool_call, tool_use, …
  std::string name;     // of a hosted tool without a name: what its kind says
  std::string server;   // the MCP server or the namespace, if the API tells one
  std::string call_id;  // by which the next request refers to it
  std::string item_id;
  std::string input;  // arguments (JSON) or raw text, as the model wrote it
  bool cut = false;   // the input is longer than what is kept
  bool operator==(const ToolCall&) const = default;
};

struct Thought {
  std::string source;  // reasoning_summary, reasoning, commentary, thinking
  std::string text;
  bool operator==(const Thought&) const = default;
};

class AnswerFacts {
 public:
  static constexpr size_t kItemsMax = 256;                 // tools; thoughts
  static constexpr size_t kBytesMax = size_t{512} * 1024;  // of all their texts

  Usage usage;
  std::string response_id;
  std::string model;      // that the provider says it used
  std::string stop;       // why the answer ended, in the API's word
  std::string error;      // code or type of an error that the answer carried
  int error_status = 0;   // that HTTP would have had, where an event tells it
  bool begun = false;     // of events: some of the answer itself came, not only an error
  bool complete = false;  // the answer's own last word came: nothing is missing
  bool cut = false;       // there were more or longer texts than are kept

  const std::vector<ToolCall>& tools() const { return tools_; }
  const std::vector<Thought>& thoughts() const { return thoughts_; }
  std::vector<ToolCall> TakeTools() { return std::move(tools_); }
  std::vector<Thought> TakeThoughts() { return std::move(thoughts_); }

  // Null when there is no room. Lives until the next Add.
  ToolCall* AddTool(ToolCall tool);
  Thought* AddThought(Thought thought);
  // Appends to a text of the last added or of the one at `index`, within the limits.
  void AppendInput(size_t tool, std::string_view text);
  void AppendThought(size_t thought, std::string_view text);
  ToolCall& tool(size_t index) { return tools_[index]; }

 private:
  // How much of `text` may be added to a text of `size` bytes.
  std::string_view Fit(size_t size, std::string_view text);
  std::vector<ToolCall> tools_;
  std::vector<Thought> thoughts_;
  size_t bytes_ = 0;
};

// The longest beginning of at most `bytes_max` bytes that ends with a whole UTF-8 character.
std::string_view CutUtf8(std::string_view text, size_t bytes_max);

}  // namespace cove::bridge
