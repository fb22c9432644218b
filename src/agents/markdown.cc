#include "agents/markdown.h"

#include <cctype>
#include <optional>

#include "base/text.h"

namespace cove::agents {

namespace {

bool IsWordByte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || static_cast<unsigned char>(c) >= 0x80;
}

// The text between `mark` at `at` and its next occurrence, when it is a span: not empty, no blank
// at either inner side.
std::optional<std::string_view> Span(std::string_view line, size_t at, std::string_view mark) {
  const size_t start = at + mark.size();
  const size_t end = line.find(mark, start);
  if (end == std::string_view::npos || end == start) return std::nullopt;
  const std::string_view inner = line.substr(start, end - start);
  if (mark != "`" && (inner.front() == ' ' || inner.back() == ' ')) return std::nullopt;
  return inner;
}

// [text](target): shown as text (target).
struct Link {
  std::string_view text;
  std::string_view target;
  size_t size;
};
std::optional<Link> FindLink(std::string_view line, size_t at) {
  const size_t close = line.find("](", at);
  if (close == std::string_view::npos) return std::nullopt;
  const size_t end = line.find(')', close);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view text = line.substr(at + 1, close - at - 1);
  if (text.find('[') != std::string_view::npos) return std::nullopt;
  return Link{text, line.substr(close + 2, end - close - 2), end + 1 - at};
}

std::string Inline(std::string_view line, const Style& style) {
  std::string out;
  size_t at = 0;
  while (at < line.size()) {
    const char c = line[at];
    const bool in_word = at > 0 && IsWordByte(line[at - 1]);
    if (c == '`') {
      if (auto inner = Span(line, at, "`")) {
        out += style.Code(*inner);
        at += inner->size() + 2;
        continue;
      }
    } else if (line.substr(at).starts_with("**")) {
      if (auto inner = Span(line, at, "**")) {
        out += style.Bold(*inner);
        at += inner->size() + 4;
        continue;
      }
    } else if (c == '*' && !in_word) {
      if (auto inner = Span(line, at, "*")) {
        out += style.Italic(*inner);
        at += inner->size() + 2;
        continue;
      }
    } else if (c == '[') {
      if (auto link = FindLink(line, at)) {
        out += style.Bold(link->text) + " (" + std::string(link->target) + ")";
        at += link->size;
        continue;
      }
    }
    out.push_back(c);
    ++at;
  }
  return out;
}

std::string Block(std::string_view line, const Style& style) {
  const size_t indent = std::min(line.find_first_not_of(' '), line.size());
  const std::string lead(line.substr(0, indent));
  std::string_view rest = line.substr(indent);
  const size_t hashes = std::min(rest.find_first_not_of('#'), rest.size());
  if (hashes >= 1 && hashes <= 6 && rest.substr(hashes).starts_with(' ')) {
    return style.Bold(rest.substr(hashes + 1));
  }
  if (rest.starts_with("- ") || rest.starts_with("* ") || rest.starts_with("+ ")) {
    return lead + "• " + Inline(rest.substr(2), style);
  }
  if (rest.starts_with("> ")) return lead + style.Dim("│ ") + Inline(rest.substr(2), style);
  if (rest == "---" || rest == "***") return style.Dim("────────");
  return lead + Inline(rest, style);
}

}  // namespace

std::string RenderMarkdown(std::string_view text, const Style& style) {
  const std::string clean = Printable(text);
  std::string out;
  // Plain output is what the agent wrote: other programs read it.
  if (!style.on()) {
    out = clean;
    if (!out.empty() && out.back() != '\n') out.push_back('\n');
    return out;
  }
  bool in_code = false;
  for (std::string_view line : Split(Trim(clean), '\n')) {
    if (Trim(line).starts_with("```")) {
      in_code = !in_code;
      continue;
    }
    out += in_code ? "    " + style.Code(line) : Block(line, style);
    out.push_back('\n');
  }
  return out;
}

}  // namespace cove::agents
