// World: what `cove box` finds around it when it starts, as a value, so that all decisions can be
// tested without it.
#pragma once

#include <functional>
#include <string>

namespace cove::box {

struct World {
  std::function<std::string(const std::string& name)> env;  // empty when not set
  std::string cwd;
  std::string home;  // of who asked: under sudo, of that user
  bool interactive = false;
};

// Of this process.
World ThisWorld();

}  // namespace cove::box
