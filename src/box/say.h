// What `cove box` tells the person who runs it, on standard error: standard output is Codex's.
#pragma once

#include <cstdio>
#include <string_view>

namespace cove::box {

inline void Say(std::string_view text) {
  std::fprintf(stderr, "[sandbox] %.*s\n", static_cast<int>(text.size()), text.data());
}
inline void Warn(std::string_view text) {
  std::fprintf(stderr, "Warning: %.*s\n", static_cast<int>(text.size()), text.data());
}

}  // namespace cove::box
