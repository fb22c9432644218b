#include "base/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/unique_fd.h"

namespace cove {

Result<void> SyncFolder(const std::string& folder) {
  const UniqueFd dir(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir || ::fsync(dir.get()) != 0) return Error::FromErrno("sync " + folder);
  return Ok();
}

Result<void> SyncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return SyncFolder(slash == std::string::npos ? "." : path.substr(0, slash + 1));
}

Result<void> WriteDurably(const std::string& path, std::string_view text, mode_t mode) {
  const std::string fresh = path + ".new";
  (void)::unlink(fresh.c_str());
  const UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) return Error::FromErrno("create " + fresh);
  errno = ENOSPC;  // what a short write means
  const ssize_t n = ::write(fd.get(), text.data(), text.size());
  if (n != static_cast<ssize_t>(text.size()) || ::fsync(fd.get()) != 0) {
    Error error = Error::FromErrno("write " + fresh);
    (void)::unlink(fresh.c_str());
    return error;
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) {
    Error error = Error::FromErrno("rename to " + path);
    (void)::unlink(fresh.c_str());
    return error;
  }
  return SyncFolderOf(path);
}

}  // namespace cove
