#include "runner/shares.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <utility>

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

using FileId = std::pair<dev_t, ino_t>;

// What is at a path and at each directory above it but the root, the lowest last.
Result<std::vector<FileId>> Lineage(const std::string& path) {
  std::error_code error;
  const std::string whole = std::filesystem::canonical(path, error).string();
  std::vector<FileId> out;
  for (size_t end = 0; !error && end != std::string::npos;) {
    end = whole.find('/', end + 1);
    struct stat st{};
    if (stat(whole.substr(0, end).c_str(), &st) != 0) {
      return Error::FromErrno("look at " + whole.substr(0, end));
    }
    out.emplace_back(st.st_dev, st.st_ino);
  }
  if (error) return Error::FromErrno("look at " + path, error.value());
  return out;
}

bool Contains(const std::vector<FileId>& list, const FileId& id) {
  return std::find(list.begin(), list.end(), id) != list.end();
}

// By what is there and not by name: --data may go through links, and a directory may be mounted at
// a second place.
Result<void> CheckApart(const std::string& source, const std::string& data_dir) {
  ASSIGN_OR_RETURN(const auto of_source, Lineage(source));
  ASSIGN_OR_RETURN(const auto of_data, Lineage(data_dir));
  if (Contains(of_source, of_data.back()) || Contains(of_data, of_source.back())) {
    return Refuse(source, "it holds or is part of the data directory " + data_dir);
  }
  return Ok();
}

Result<void> CheckPlace(const ShareOption& option) {
  const std::string& source = option.source;
  if (IsOrIsBelow(source, kKernels)) return Refuse(source, "it shows the kernel of this machine");
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
    RETURN_IF_ERROR(CheckPlace(option));
    ASSIGN_OR_RETURN(UniqueFd fd, OpenExactly(option.source, O_PATH));
    RETURN_IF_ERROR(CheckApart(option.source, data_dir));
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
