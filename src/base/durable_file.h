// Files that are whole or not there, also after the machine's power was cut. All block for the
// disk. Sources: fsync(2), rename(2). Thread: pure functions.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace cove {

// The names in `folder` are on its disk.
Result<void> SyncFolder(const std::string& folder);
// The same of the folder that `path` is in.
Result<void> SyncFolderOf(const std::string& path);

// `path` holds exactly `text` and its name is on the disk when this returns; until then it is what
// it was before. What is at `path`.new is removed. Errors name the path.
Result<void> WriteDurably(const std::string& path, std::string_view text, mode_t mode);

}  // namespace cove
