#include "json/toml.h"

#include <algorithm>

namespace cove::json {
namespace {

// Each part of a key is a table in a table, and what is taken apart again recurses through them.
// With what values may be nested (256 deep), that is some 8000 at the most.
constexpr size_t kPartsMax = 32;

// The place behind the string that begins at `at`. One that has no end is for the parser to refuse.
size_t EndOfString(std::string_view text, size_t at) {
  const char quote = text[at];
  const std::string_view triple = quote == '"' ? "\"\"\"" : "'''";
  const bool lines = text.substr(at).starts_with(triple);
  for (size_t i = at + (lines ? 3 : 1); i < text.size(); ++i) {
    if (text[i] == '\\' && quote == '"') {
      ++i;
    } else if (!lines && (text[i] == quote || text[i] == '\n')) {
      return text[i] == quote ? i + 1 : i;
    } else if (lines && text.substr(i).starts_with(triple)) {
      // Two more may stand before the three that end it.
      for (i += 3; i < text.size() && text[i] == quote;) ++i;
      return i;
    }
  }
  return text.size();
}

// Where the first key with too many parts is; npos: there is none.
size_t FindDeepKey(std::string_view text) {
  size_t dots = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '#') i = std::min(text.find('\n', i), text.size() - 1);
    if (text[i] == '"' || text[i] == '\'') {
      i = EndOfString(text, i) - 1;
    } else if (std::string_view("\n=,[]{}").find(text[i]) != std::string_view::npos) {
      dots = 0;
    } else if (text[i] == '.' && ++dots >= kPartsMax) {
      return i;
    }
  }
  return std::string_view::npos;
}

}  // namespace

toml::parse_result ParseToml(std::string_view text) {
  const size_t deep = FindDeepKey(text);
  if (deep == std::string_view::npos) return toml::parse(text);
  const auto line = std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(deep), '\n') + 1;
  const toml::source_position place{static_cast<toml::source_index>(line), 1};
  return toml::parse_result(toml::parse_error("a key has more than 32 parts",
                                              toml::source_region{place, place, nullptr}));
}

}  // namespace cove::json
