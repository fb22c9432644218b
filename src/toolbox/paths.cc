#include "toolbox/paths.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <optional>

namespace cove::toolbox {
namespace {

constexpr int kLinksMax = 40;  // as the kernel: path_resolution(7)

// Where the entry leads, if it is a link.
Result<std::optional<std::string>> LinkOf(const Place& place) {
  std::string target(PATH_MAX, '\0');
  const ssize_t n =
      readlinkat(place.folder.get(), place.name.c_str(), target.data(), target.size());
  if (n < 0 && (errno == EINVAL || errno == ENOENT)) return std::optional<std::string>();
  if (n < 0) return PathError(place.name);
  target.resize(static_cast<size_t>(n));
  while (target.size() > 1 && target.ends_with('/')) target.pop_back();
  return std::optional<std::string>(std::move(target));
}

}  // namespace

std::string BaseName(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return path;
  return slash + 1 == path.size() ? "/" : path.substr(slash + 1);
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string JoinPath(const std::string& folder, const std::string& name) {
  return folder.ends_with('/') ? folder + name : folder + "/" + name;
}

int OpenFrom(int folder, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how));
}

Error PathError(const std::string& path, int error) {
  if (error != ELOOP) return Error::FromErrno(path, error);
  return {Code::kInvalid, path +
                              ": too many links, or one of /proc to what a process holds open; "
                              "name the file itself"};
}

Result<UniqueFd> OpenPath(const std::string& path, int flags) {
  UniqueFd fd(OpenFrom(AT_FDCWD, path, flags));
  if (!fd) return PathError(path);
  return fd;
}

Result<UniqueFd> OpenOrMakeFolder(const std::string& path) {
  constexpr int kFolder = O_PATH | O_DIRECTORY;
  UniqueFd there(OpenFrom(AT_FDCWD, path, kFolder));
  if (there) return there;
  const std::string parent = ParentOf(path);
  if (errno != ENOENT || parent == path) return PathError(path);
  ASSIGN_OR_RETURN(const UniqueFd folder, OpenOrMakeFolder(parent));
  const std::string name = BaseName(path);
  if (mkdirat(folder.get(), name.c_str(), 0755) != 0 && errno != EEXIST) return PathError(path);
  there.Reset(OpenFrom(folder.get(), name, kFolder));
  if (!there) return PathError(path);
  return there;
}

Result<Place> FindPlace(const std::string& path, LastLink last, Parents parents) {
  Place place;
  const std::string parent = ParentOf(path);
  ASSIGN_OR_RETURN(place.folder, parents == Parents::kMake
                                     ? OpenOrMakeFolder(parent)
                                     : OpenPath(parent, O_PATH | O_DIRECTORY));
  place.name = BaseName(path);
  for (int links = 0; last == LastLink::kFollow; ++links) {
    ASSIGN_OR_RETURN(const auto target, LinkOf(place));
    if (!target) break;
    if (links == kLinksMax) return PathError(path, ELOOP);
    // Whether the user may follow it is for the kernel to say (fs.protected_symlinks, links of
    // /proc); only that there is nothing at its end yet is no reason against it.
    const UniqueFd end(OpenFrom(place.folder.get(), place.name, O_PATH));
    if (!end && errno != ENOENT) return PathError(path);
    UniqueFd folder(OpenFrom(place.folder.get(), ParentOf(*target), O_PATH | O_DIRECTORY));
    if (!folder) return PathError(path);
    place = {std::move(folder), BaseName(*target)};
  }
  return place;
}

std::string NameOf(const UniqueFd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

}  // namespace cove::toolbox
