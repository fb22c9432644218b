// How to write to the person at the terminal: styles when it is one, plain text when not, and no
// control character of anyone else's. Thread: values and pure functions.
#pragma once

#include <string>
#include <string_view>

namespace cove::agents {

enum class Color { kNever, kAlways };

class Style {
 public:
  explicit Style(Color color) : on_(color == Color::kAlways) {}
  // Standard output is a terminal, and NO_COLOR and TERM=dumb do not forbid it (no-color.org).
  static Style ForStdout();

  std::string Bold(std::string_view text) const { return Wrap("1", text); }
  std::string Dim(std::string_view text) const { return Wrap("2", text); }
  std::string Italic(std::string_view text) const { return Wrap("3", text); }
  std::string Code(std::string_view text) const { return Wrap("36", text); }
  std::string Good(std::string_view text) const { return Wrap("32", text); }
  std::string Bad(std::string_view text) const { return Wrap("31", text); }
  bool on() const { return on_; }

 private:
  std::string Wrap(std::string_view code, std::string_view text) const;
  bool on_;
};

// The text without control characters (LF and TAB stay): what a sandbox or a model says must not
// move the cursor, set the title or answer in the terminal's name.
std::string Printable(std::string_view text);

// The first line, cut to `width_max` bytes at a character's border, with "…" where cut.
std::string OneLine(std::string_view text, size_t width_max);

}  // namespace cove::agents
