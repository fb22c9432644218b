#include "runner/shares.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <string_view>

#include "runner/data_dir.h"

namespace cove::runner {
namespace {

constexpr auto kKernels = std::to_array<std::string_view>({"/dev", "/proc", "/sys"});
// Whoever writes there owns the machine.
constexpr auto kSystem = std::to_array<std::string_view>(
    {"/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/usr"});
constexpr auto kOperators = std::to_array<std::string_view>({"/usr/local", "/usr/src"});

bool IsOrIsBelow(std::string_view path, std::string_view above) {
  return path == above || (path.starts_with(above) && path[above.size()] == '/');
}

template <size_t N>
bool IsOrIsBelow(std::string_view path, const std::array<std::string_view, N>& list) {
  for (const std::string_view above : list) {
    if (IsOrIsBelow(path, above)) return true;
  }
  return false;
}

Error Refuse(const std::string& source, std::string_view why) {
  return {Code::kDenied, "--share: a sandbox may not have " + source + ": " + std::string(why)};
}

Result<void> CheckPlace(const ShareOption& option, const std::string& data_dir) {
  const std::string& source = option.source;
  if (IsOrIsBelow(source, kKernels)) return Refuse(source, "it shows the kernel of this machine");
  if (IsOrIsBelow(source, data_dir) || IsOrIsBelow(data_dir, source)) {
    return Refuse(source, "it holds or is part of the data directory " + data_dir);
  }
  if (option.access == sys::MountAccess::kReadOnly) return Ok();
  if (IsOrIsBelow(source, kSystem) && !IsOrIsBelow(source, kOperators)) {
    return Refuse(source, "what is written there runs as root on this machine");
  }
  return Ok();
}

}  // namespace

Result<Shares> Shares::Open(const std::vector<ShareOption>& options, const std::string& data_dir) {
  Shares out;
  struct stat root{};
  if (stat("/", &root) != 0) return Error::FromErrno("look at /");
  for (const ShareOption& option : options) {
    RETURN_IF_ERROR(CheckPlace(option, data_dir));
    ASSIGN_OR_RETURN(UniqueFd fd, OpenExactly(option.source, O_PATH));
    struct stat st{};
    if (fstat(fd.get(), &st) != 0) return Error::FromErrno("look at " + option.source);
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) {
      return Refuse(option.source, "it is neither a directory nor a plain file");
    }
    if (st.st_dev == root.st_dev && st.st_ino == root.st_ino) {
      return Refuse(option.source, "it is the whole machine");
    }
    sandbox::BoxShare share;
    share.source = fd.get();
    share.name = option.source;
    share.target = option.target;
    share.access = option.access;
    share.directory = S_ISDIR(st.st_mode);
    share.owner = st.st_uid;
    share.group = st.st_gid;
    out.shares_.push_back(std::move(share));
    out.sources_.push_back(std::move(fd));
  }
  return out;
}

}  // namespace cove::runner
