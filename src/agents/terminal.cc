#include "agents/terminal.h"

#include <unistd.h>

#include <cstdlib>

namespace cove::agents {

Style Style::ForStdout() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool forbidden = (no_color != nullptr && *no_color != '\0') ||
                         (term != nullptr && std::string_view(term) == "dumb");
  return Style(isatty(STDOUT_FILENO) == 1 && !forbidden ? Color::kAlways : Color::kNever);
}

std::string Style::Wrap(std::string_view code, std::string_view text) const {
  if (!on_ || text.empty()) return std::string(text);
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

std::string Printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) continue;
    // U+0080 to U+009F are control characters as well (C2 80 to C2 9F in UTF-8).
    if (c == 0xc2 && i + 1 < text.size()) {
      const auto next = static_cast<unsigned char>(text[i + 1]);
      if (next >= 0x80 && next <= 0x9f) {
        ++i;
        continue;
      }
    }
    out.push_back(text[i]);
  }
  return out;
}

std::string OneLine(std::string_view text, size_t width_max) {
  const size_t end = text.find('\n');
  bool cut = end != std::string_view::npos;
  text = text.substr(0, end);
  if (text.size() > width_max) {
    cut = true;
    size_t size = width_max;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
    text = text.substr(0, size);
  }
  return std::string(text) + (cut ? " …" : "");
}

}  // namespace cove::agents
