#include "box/lock.h"

#include <fcntl.h>
#include <sys/file.h>

namespace cove::box {
namespace {

Result<UniqueFd> Take(const std::string& path, int how) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return Error::FromErrno("open " + path);
  while (flock(fd.get(), how) != 0) {
    if (errno != EINTR) return Error::FromErrno("lock " + path);
  }
  return fd;
}

int HowOf(LockKind kind) { return kind == LockKind::kAlone ? LOCK_EX : LOCK_SH; }

}  // namespace

Result<UniqueFd> TryLock(const std::string& path, LockKind kind) {
  return Take(path, HowOf(kind) | LOCK_NB);
}

Result<UniqueFd> Lock(const std::string& path, LockKind kind) { return Take(path, HowOf(kind)); }

}  // namespace cove::box
