#include "identity/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>

#include "base/unique_fd.h"

namespace cove::identity {

Result<void> WriteKeyFile(const std::string& path, std::string_view secret) {
  const std::string fresh = path + ".new";
  (void)::unlink(fresh.c_str());
  const UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return Error::FromErrno("create the admin key file " + fresh);
  const std::string text = std::string(secret) + "\n";
  const ssize_t n = ::write(fd.get(), text.data(), text.size());
  if (n != static_cast<ssize_t>(text.size()) || ::fsync(fd.get()) != 0) {
    Error error = Error::FromErrno("write the admin key file " + fresh);
    (void)::unlink(fresh.c_str());
    return error;
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) {
    return Error::FromErrno("rename the admin key file to " + path);
  }
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const UniqueFd dir(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir || ::fsync(dir.get()) != 0) {
    return Error::FromErrno("sync the admin key file's folder " + folder);
  }
  return Ok();
}

}  // namespace cove::identity
