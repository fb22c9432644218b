// Locks of one `cove box` against others: files that are held open (flock(2)), so that they are
// free when their holders are gone, however they ended. Thread: any.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::box {

enum class LockKind { kShared, kAlone };

// The file is made where it is missing. sys_errno() is EWOULDBLOCK when somebody else has it.
Result<UniqueFd> TryLock(const std::string& path, LockKind kind);
// Waits for it: only for locks that are held as long as a few calls take.
Result<UniqueFd> Lock(const std::string& path, LockKind kind);

}  // namespace cove::box
