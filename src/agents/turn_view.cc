#include "agents/turn_view.h"

#include <cstdio>

#include "agents/markdown.h"
#include "base/text.h"

namespace cove::agents {

namespace {

constexpr size_t kCommandWidth = 100;
constexpr size_t kOutputLinesOfFailure = 6;

std::string OneDecimal(double value, std::string_view unit) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text + std::string(unit);
}

std::vector<std::string_view> LastLines(std::string_view text, size_t count) {
  std::vector<std::string_view> lines = Split(Trim(text), '\n');
  if (lines.size() > count) lines.erase(lines.begin(), lines.end() - static_cast<long>(count));
  return lines;
}

}  // namespace

std::string ShortCount(int64_t count) {
  if (count < 1000) return std::to_string(count);
  if (count < 1000000) return OneDecimal(static_cast<double>(count) / 1e3, "k");
  return OneDecimal(static_cast<double>(count) / 1e6, "M");
}

std::string TurnView::ShortPath(std::string_view path) const {
  if (!home_.empty() && path.starts_with(home_ + "/")) path.remove_prefix(home_.size() + 1);
  return OneLine(Printable(path), kCommandWidth);
}

void TurnView::ShowCommand(const CodexEvent& event) {
  const std::string clean = Printable(UnwrapShell(event.text));
  const std::string command = OneLine(Trim(clean), kCommandWidth);
  const bool good = event.exit_code.value_or(event.failed ? 1 : 0) == 0;
  if (good) {
    print_("  " + style_.Good("✓") + " " + command + "\n");
    return;
  }
  const std::string code =
      event.exit_code ? " (exit " + std::to_string(*event.exit_code) + ")" : " (did not run)";
  print_("  " + style_.Bad("✗") + " " + command + style_.Dim(code) + "\n");
  const std::string output = Printable(event.output);
  if (Trim(output).empty()) return;
  for (std::string_view line : LastLines(output, kOutputLinesOfFailure)) {
    print_("      " + style_.Dim(OneLine(line, kCommandWidth)) + "\n");
  }
}

void TurnView::ShowFiles(const CodexEvent& event) {
  for (const FileChange& change : event.changes) {
    const std::string path = ShortPath(change.path);
    if (event.failed) {
      print_("  " + style_.Bad("✗") + " could not change " + path + "\n");
    } else if (change.kind == "add") {
      print_("  " + style_.Good("✓") + " added " + path + "\n");
    } else if (change.kind == "delete") {
      print_("  " + style_.Good("✓") + " deleted " + path + "\n");
    } else {
      print_("  " + style_.Good("✓") + " changed " + path + "\n");
    }
  }
}

void TurnView::Show(const CodexEvent& event) {
  using Kind = CodexEvent::Kind;
  switch (event.kind) {
    case Kind::kCommandEnded:
      ShowCommand(event);
      break;
    case Kind::kFilesChanged:
      ShowFiles(event);
      break;
    case Kind::kToolEnded:
      print_("  " + (event.failed ? style_.Bad("✗") : style_.Good("✓")) + " " +
             OneLine(Printable(event.text), kCommandWidth) + "\n");
      break;
    case Kind::kMessage:
      print_("\n" + RenderMarkdown(event.text, style_) + "\n");
      break;
    case Kind::kThought: {
      const std::string clean = Printable(event.text);
      print_("  " + style_.Dim(OneLine(Trim(clean), kCommandWidth)) + "\n");
      break;
    }
    case Kind::kError:
      print_("  " + style_.Bad("!") + " " + OneLine(Printable(event.text), 400) + "\n");
      last_error_ = event.text;
      break;
    case Kind::kTurnFailed:
      // Codex says why twice; once is enough.
      print_("\n" + style_.Bad("The turn failed") +
             (event.text == last_error_ ? "" : ": " + OneLine(Printable(event.text), 600)) + "\n");
      break;
    case Kind::kOther:
    case Kind::kThreadStarted:
    case Kind::kCommandStarted:
    case Kind::kTurnEnded:
      break;
  }
}

void TurnView::ShowUsage(const CodexUsage& before, const CodexUsage& after, Duration took) {
  // A thread's numbers only grow; if they do not, they are of a new thread and stand for
  // themselves.
  const bool grows = after.input >= before.input && after.output >= before.output;
  const CodexUsage from = grows ? before : CodexUsage{};
  const double in_seconds = std::chrono::duration<double>(took).count();
  print_(style_.Dim(ShortCount(after.input - from.input) + " tokens in (" +
                    ShortCount(after.cached - from.cached) + " cached), " +
                    ShortCount(after.output - from.output) + " out · " +
                    OneDecimal(in_seconds, " s")) +
         "\n");
}

void TurnView::ShowPort(uint16_t port, std::string_view url) {
  print_("  " + style_.Good("→") + " port " + std::to_string(port) + ": " +
         style_.Bold(Printable(url)) + "\n");
}

}  // namespace cove::agents
