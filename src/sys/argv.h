// What execve(2) and posix_spawn(3) take for arguments and environment. Pure.
#pragma once

#include <string>
#include <vector>

namespace cove::sys {

// Pointers to the texts, which must stay where they are and as they are, and a null behind them.
inline std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace cove::sys
