// The file that hands the first admin key to the person who started the server.
// Thread: blocks for one small write; start-up only.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace cove::identity {

// Writes `secret` and a newline to `path`, mode 0600, whole or not at all.
Result<void> WriteKeyFile(const std::string& path, std::string_view secret);

}  // namespace cove::identity
