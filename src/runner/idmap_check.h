// Whether the data directory's file system can show its files under other owners (idmapped mounts),
// which every sandbox needs. Source: mount_setattr(2). Thread: the runner's only one.
#pragma once

#include <string>

#include "base/result.h"

namespace cove::runner {

// kUnavailable, saying what to do, when it cannot.
Result<void> CheckIdmap(const std::string& path);

}  // namespace cove::runner
