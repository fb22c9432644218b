// Lists of names in which each stands once. Pure.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace cove::gateway {

inline void AddOnce(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

}  // namespace cove::gateway
