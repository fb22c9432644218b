// The program `cove front`: API, previews, the door out and the model gateway, in one unprivileged
// process. `cove serve` starts it with the channel to the runner as descriptor 3, and again when
// it dies.
#pragma once

#include <string>
#include <vector>

namespace cove::front {

// Gives the exit code: 0 after SIGTERM, 2 when the configuration is wrong, 1 for anything else.
int FrontMain(const std::vector<std::string>& args);

}  // namespace cove::front
