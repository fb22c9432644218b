// TurnView shows one turn of an agent: commands with ✓ or ✗, files, messages, and what it cost.
// Everything that comes from inside the sandbox is made printable first.
// Thread: loop-confined.
#pragma once

#include <functional>
#include <set>

#include "agents/codex_events.h"
#include "agents/terminal.h"
#include "base/clock.h"

namespace cove::agents {

class TurnView {
 public:
  // `print` gets whole lines. `home` is cut from the front of paths.
  using Print = std::function<void(std::string_view text)>;
  TurnView(Style style, std::string home, Print print)
      : style_(style), home_(std::move(home)), print_(std::move(print)) {}

  void Show(const CodexEvent& event);
  // `before`: the thread's usage when the turn began.
  void ShowUsage(const CodexUsage& before, const CodexUsage& after, Duration took);
  void ShowPort(uint16_t port, std::string_view url);

 private:
  void ShowCommand(const CodexEvent& event);
  void ShowFiles(const CodexEvent& event);
  std::string ShortPath(std::string_view path) const;
  Style style_;
  std::string home_;
  Print print_;
  std::string last_error_;
};

// 950 -> "950", 12345 -> "12.3k", 1234567 -> "1.2M".
std::string ShortCount(int64_t count);

}  // namespace cove::agents
