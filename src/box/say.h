// What `cove box` tells the person who runs it, on standard error: standard output is Codex's. An
// agent may have written a part of it, so what a terminal would obey is taken out.
#pragma once

#include <cstdio>
#include <string_view>

#include "agents/terminal.h"

namespace cove::box {

// A whole line; `who` begins it.
inline void Tell(const char* who, std::string_view text) {
  std::fprintf(stderr, "%s%s\n", who, agents::Printable(text).c_str());
}
inline void Say(std::string_view text) { Tell("[sandbox] ", text); }
inline void Warn(std::string_view text) { Tell("Warning: ", text); }

}  // namespace cove::box
