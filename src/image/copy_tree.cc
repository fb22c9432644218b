#include "image/copy_tree.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"
#include "image/dir.h"

namespace cove::image {
namespace {

constexpr int kDepthMax = 1000;  // two descriptors a level
constexpr uint64_t kProgressEvery = 20000;
// What the first names of files with several may take of this process's memory.
constexpr size_t kLinkedMax = 256 << 20;
constexpr size_t kLinkedNode = 128;  // of it for each file besides the name

bool IsKeptAttribute(std::string_view name) {
  return name.starts_with("user.") || name == "security.capability" ||
         name == "system.posix_acl_access" || name == "system.posix_acl_default";
}

Result<std::vector<std::string>> AttributeNames(int fd) {
  std::string list(64 * 1024, '\0');  // XATTR_LIST_MAX
  const ssize_t n = flistxattr(fd, list.data(), list.size());
  if (n < 0) {
    if (errno == EOPNOTSUPP) return std::vector<std::string>();
    return Error::FromErrno("list attributes");
  }
  std::vector<std::string> names;
  std::string_view rest(list.data(), static_cast<size_t>(n));
  while (!rest.empty()) {
    const size_t end = rest.find('\0');
    if (IsKeptAttribute(rest.substr(0, end))) names.emplace_back(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Copier {
 public:
  Copier(int top, Sha256& hash, const Progress& progress, Reserve reserve)
      : top_(top), hash_(hash), progress_(progress), reserve_(reserve) {}

  Result<void> CopyInto(int from, int to, const std::string& path, int depth);
  uint64_t bytes() const { return bytes_; }

 private:
  Result<void> CopyEntry(int from, int to, const std::string& name, const std::string& path,
                         int depth);
  Result<void> CopyRegular(int from, int to, const std::string& name, const std::string& path,
                           const struct stat& st);
  // Whether it could be made a second name of a file that was copied before.
  Result<bool> LinkToFirst(int to, const std::string& name, const std::string& path,
                           const struct stat& st);
  Result<void> CopyLink(int from, int to, const std::string& name);
  Result<void> CopyAttributes(int from, int to);
  Result<void> HashData(int fd);
  void Record(std::string_view path, const struct stat& st);
  // Adds one field; its length goes first, so that no two sequences of fields are the same bytes.
  void Add(std::string_view field) {
    hash_.Update(std::to_string(field.size()) + ":");
    hash_.Update(field);
  }

  int top_;
  Sha256& hash_;
  const Progress& progress_;
  Reserve reserve_;
  std::map<std::pair<dev_t, ino_t>, std::string> linked_;  // first path of files with more names
  size_t linked_bytes_ = 0;
  uint64_t bytes_ = 0;
  uint64_t count_ = 0;
};

void Copier::Record(std::string_view path, const struct stat& st) {
  Add(path);
  Add(std::to_string(st.st_mode) + " " + std::to_string(st.st_uid) + " " +
      std::to_string(st.st_gid) + " " + std::to_string(st.st_mtim.tv_sec) + "." +
      std::to_string(st.st_mtim.tv_nsec));
  if (++count_ % kProgressEvery == 0 && progress_) {
    progress_("copied " + std::to_string(count_) + " files");
  }
}

Result<void> Copier::CopyInto(int from, int to, const std::string& path, int depth) {
  if (depth > kDepthMax) {
    return Error(Code::kInvalid,
                 "directories are nested over 1000 deep; remove some and try again");
  }
  RETURN_IF_ERROR(CopyAttributes(from, to));
  ASSIGN_OR_RETURN(const auto names, SortedNames(from));
  for (const std::string& name : names) {
    RETURN_IF_ERROR(CopyEntry(from, to, name, path.empty() ? name : path + "/" + name, depth));
  }
  return Ok();
}

Result<void> Copier::CopyEntry(int from, int to, const std::string& name, const std::string& path,
                               int depth) {
  RETURN_IF_ERROR(reserve_.Wrote(Reserve::kEntryBytes));
  struct stat st{};
  if (fstatat(from, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return Error::FromErrno("stat");
  if (S_ISREG(st.st_mode)) return CopyRegular(from, to, name, path, st);
  const bool whiteout = S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
  if (!S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISFIFO(st.st_mode) && !whiteout) {
    return Ok();
  }
  Record(path, st);
  if (S_ISDIR(st.st_mode)) {
    ASSIGN_OR_RETURN(const UniqueFd in, OpenDir(from, name));
    ASSIGN_OR_RETURN(const UniqueFd out, MakeDir(to, name, 0700));
    RETURN_IF_ERROR(CopyInto(in.get(), out.get(), path, depth + 1));
  } else if (S_ISLNK(st.st_mode)) {
    RETURN_IF_ERROR(CopyLink(from, to, name));
  } else if (mknodat(to, name.c_str(), (st.st_mode & S_IFMT) | 0600, 0) != 0) {
    return DiskError("make a node");
  }
  return ApplyMeta(to, name, st);
}

Result<void> Copier::CopyLink(int from, int to, const std::string& name) {
  char target[PATH_MAX];
  const ssize_t n = readlinkat(from, name.c_str(), target, sizeof target - 1);
  if (n < 0) return Error::FromErrno("read a link");
  target[n] = '\0';
  Add(std::string_view(target, static_cast<size_t>(n)));
  if (symlinkat(target, to, name.c_str()) != 0) return DiskError("make a link");
  return Ok();
}

// The first path leads through directories that this copy made: no link is in it. One that is
// longer than a path may be is not kept, and the file is copied once for each name.
Result<bool> Copier::LinkToFirst(int to, const std::string& name, const std::string& path,
                                 const struct stat& st) {
  if (st.st_nlink < 2) return false;
  const auto first = linked_.find({st.st_dev, st.st_ino});
  if (first != linked_.end()) {
    if (linkat(top_, first->second.c_str(), to, name.c_str(), 0) == 0) {
      Add("=" + first->second);
      return true;
    }
    if (errno != EMLINK) return DiskError("make a hard link");
    return false;
  }
  if (path.size() >= PATH_MAX) return false;
  linked_bytes_ += path.size() + kLinkedNode;
  if (linked_bytes_ > kLinkedMax) {
    return Error(Code::kExhausted,
                 "too many files with several names (hard links): over " +
                     std::to_string(linked_.size()) +
                     " of them; delete caches of packages, or copy instead of linking, and try "
                     "again");
  }
  linked_.emplace(std::pair(st.st_dev, st.st_ino), path);
  return false;
}

Result<void> Copier::CopyRegular(int from, int to, const std::string& name, const std::string& path,
                                 const struct stat& st) {
  Record(path, st);
  ASSIGN_OR_RETURN(const bool linked, LinkToFirst(to, name, path, st));
  if (linked) return Ok();
  const UniqueFd in(openat(from, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!in) return Error::FromErrno("open a file");
  const UniqueFd out(openat(to, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out) return DiskError("create a file");
  RETURN_IF_ERROR(CopyData(in.get(), out.get(), &reserve_));
  RETURN_IF_ERROR(HashData(out.get()));
  bytes_ += static_cast<uint64_t>(st.st_size);
  // chown drops capabilities, so the attributes come after it.
  if (fchown(out.get(), st.st_uid, st.st_gid) != 0) return DiskError("set an owner");
  RETURN_IF_ERROR(CopyAttributes(in.get(), out.get()));
  if (fchmod(out.get(), st.st_mode & 07777) != 0) return DiskError("set a mode");
  const timespec times[2] = {st.st_atim, st.st_mtim};
  if (futimens(out.get(), times) != 0) return DiskError("set times");
  return Ok();
}

Result<void> Copier::CopyAttributes(int from, int to) {
  ASSIGN_OR_RETURN(const auto names, AttributeNames(from));
  std::string value;
  for (const std::string& name : names) {
    value.resize(64 * 1024);  // XATTR_SIZE_MAX
    const ssize_t n = fgetxattr(from, name.c_str(), value.data(), value.size());
    if (n < 0) return Error::FromErrno("read an attribute");
    value.resize(static_cast<size_t>(n));
    RETURN_IF_ERROR(reserve_.Wrote(value.size()));
    if (fsetxattr(to, name.c_str(), value.data(), value.size(), 0) != 0) {
      return DiskError("set attribute " + name);
    }
    Add(name);
    Add(value);
  }
  return Ok();
}

Result<void> Copier::HashData(int fd) {
  std::array<char, 128 * 1024> buffer;
  struct stat st{};
  if (fstat(fd, &st) != 0) return Error::FromErrno("stat");
  Add(std::to_string(st.st_size));
  for (off_t at = 0; at < st.st_size;) {
    const off_t data = lseek(fd, at, SEEK_DATA);
    if (data < 0) break;  // only a hole is left
    const off_t hole = lseek(fd, data, SEEK_HOLE);
    Add(std::to_string(data));
    for (at = data; at < hole;) {
      const auto want = std::min<off_t>(static_cast<off_t>(buffer.size()), hole - at);
      const ssize_t n = pread(fd, buffer.data(), static_cast<size_t>(want), at);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return Error::FromErrno("read");
      hash_.Update(std::string_view(buffer.data(), static_cast<size_t>(n)));
      at += n;
    }
  }
  return Ok();
}

}  // namespace

Result<uint64_t> CopyTree(int from, int to, Sha256& hash, const Progress& progress,
                          Reserve reserve) {
  RETURN_IF_ERROR(reserve.Look());
  Copier copier(to, hash, progress, reserve);
  RETURN_IF_ERROR(copier.CopyInto(from, to, "", 0));
  struct stat st{};
  if (fstat(from, &st) != 0) return Error::FromErrno("stat");
  RETURN_IF_ERROR(ApplyMeta(to, ".", st));
  return copier.bytes();
}

}  // namespace cove::image
