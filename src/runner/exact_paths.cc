#include <fcntl.h>
#include <sys/stat.h>

#include "runner/data_dir.h"
#include "sys/mount_calls.h"
#include "sys/mounts.h"

namespace cove::runner {

Result<UniqueFd> OpenExactly(const std::string& path, int flags) {
  const UniqueFd root(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  UniqueFd fd(sys::OpenBeneath(root.get(), path.c_str() + 1, flags));
  if (!fd && errno == ELOOP) {
    return Error(Code::kDenied, path + " is or lies behind a symbolic link; name where it leads");
  }
  if (!fd) return Error::FromErrno("open " + path);
  return fd;
}

Result<void> BindImages(const std::string& images, const std::string& place) {
  ASSIGN_OR_RETURN(const UniqueFd source, OpenExactly(images, O_PATH | O_DIRECTORY));
  struct stat st{};
  if (fstat(source.get(), &st) != 0) return Error::FromErrno("look at --images " + images);
  if (st.st_uid != 0 || (st.st_mode & 0077) != 0) {
    return Error(Code::kDenied, "--images " + images +
                                    " is not root's alone (0700); name the runner/images of "
                                    "another server's data directory");
  }
  ASSIGN_OR_RETURN(const UniqueFd copy, sys::CloneMountAt(source.get(), "--images " + images));
  mount_attr attr{};
  attr.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (sys::MountSetAttr(copy.get(), "", AT_EMPTY_PATH, &attr) != 0 ||
      sys::AttachMount(copy.get(), AT_FDCWD, place.c_str()) != 0) {
    return Error::FromErrno("bind --images " + images);
  }
  return Ok();
}

}  // namespace cove::runner
