#include "box/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/text.h"
#include "sys/mount_calls.h"

namespace cove::box {
namespace {

Error FromErrno(const std::string& what) {
  if (errno == ELOOP) return {Code::kDenied, what + ": there is a symbolic link on the way"};
  return Error::FromErrno(what);
}

Result<std::string> ReadAll(int fd, const std::string& path) {
  struct stat st{};
  if (fstat(fd, &st) != 0) return Error::FromErrno("read " + path);
  if (!S_ISREG(st.st_mode)) return Error(Code::kDenied, path + " is no plain file");
  if (static_cast<uint64_t>(st.st_size) > kFileBytesMax) {
    return Error(Code::kTooLarge, path + " is too big to be what it should be");
  }
  // One more than its size: the end is seen without another buffer, unless it grows meanwhile.
  std::string text(std::min(static_cast<size_t>(st.st_size) + 1, kFileBytesMax), '\0');
  size_t have = 0;
  while (have < kFileBytesMax) {
    if (have == text.size()) text.resize(std::min(2 * have, kFileBytesMax));
    const ssize_t n = read(fd, text.data() + have, text.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::FromErrno("read " + path);
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  text.resize(have);
  return text;
}

}  // namespace

Result<Tree> Tree::FromFd(std::string path, UniqueFd fd) {
  struct stat st{};
  if (fstat(fd.get(), &st) != 0) return Error::FromErrno("look at " + path);
  return Tree(std::move(path), std::move(fd), st.st_uid, st.st_gid);
}

Result<Tree> Tree::Open(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return FromErrno("open " + path);
  return FromFd(path, std::move(fd));
}

Result<Tree> Tree::OpenDir(const std::string& name) const {
  UniqueFd fd(sys::OpenBeneath(fd_.get(), name.c_str(), O_RDONLY | O_DIRECTORY));
  if (!fd) return FromErrno("open " + path_ + "/" + name);
  return FromFd(path_ + "/" + name, std::move(fd));
}

bool Tree::HasDir(const std::string& name) const { return OpenDir(name).ok(); }

Result<std::string> Tree::Read(const std::string& name) const {
  const std::string path = path_ + "/" + name;
  const UniqueFd fd(sys::OpenBeneath(fd_.get(), name.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY));
  if (!fd) return FromErrno("read " + path);
  return ReadAll(fd.get(), path);
}

Result<struct stat> Tree::Stat(const std::string& name) const {
  const UniqueFd fd(sys::OpenBeneath(fd_.get(), name.c_str(), O_PATH));
  struct stat st{};
  if (!fd || fstat(fd.get(), &st) != 0) return FromErrno("look at " + path_ + "/" + name);
  if (!S_ISREG(st.st_mode)) return Error(Code::kDenied, path_ + "/" + name + " is no plain file");
  return st;
}

Result<void> Tree::Write(const std::string& name, std::string_view text, mode_t mode) const {
  const size_t slash = name.rfind('/');
  if (slash != std::string::npos) {
    ASSIGN_OR_RETURN(const Tree parent, OpenDir(name.substr(0, slash)));
    return parent.Write(name.substr(slash + 1), text, mode);
  }
  const std::string path = path_ + "/" + name;
  const std::string temporary = ".cove-" + RandomHex(8);
  const UniqueFd fd(
      openat(fd_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return FromErrno("write " + path);
  bool ok = true;
  for (size_t done = 0; ok && done < text.size();) {
    const ssize_t n = write(fd.get(), text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    ok = n > 0;
    done += ok ? static_cast<size_t>(n) : 0;
  }
  ok = ok && fchown(fd.get(), owner_, group_) == 0 && fchmod(fd.get(), mode) == 0 &&
       renameat(fd_.get(), temporary.c_str(), fd_.get(), name.c_str()) == 0;
  if (ok) return Ok();
  Error error = FromErrno("write " + path);
  unlinkat(fd_.get(), temporary.c_str(), 0);
  return error;
}

Result<Tree> Tree::MakeDir(const std::string& name, mode_t mode) const {
  const size_t slash = name.find('/');
  const std::string first = name.substr(0, slash);
  if (mkdirat(fd_.get(), first.c_str(), mode) == 0) {
    const UniqueFd made(sys::OpenBeneath(fd_.get(), first.c_str(), O_RDONLY | O_DIRECTORY));
    if (!made || fchown(made.get(), owner_, group_) != 0) {
      return FromErrno("make " + path_ + "/" + first);
    }
  } else if (errno != EEXIST) {
    return FromErrno("make " + path_ + "/" + first);
  }
  ASSIGN_OR_RETURN(Tree next, OpenDir(first));
  if (slash == std::string::npos) return next;
  return next.MakeDir(name.substr(slash + 1), mode);
}

Result<std::vector<std::string>> Tree::Names() const {
  const int copy = openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::unique_ptr<DIR, int (*)(DIR*)> dir(copy < 0 ? nullptr : fdopendir(copy), &closedir);
  if (!dir) return FromErrno("list " + path_);
  std::vector<std::string> out;
  while (const dirent* entry = readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

void Tree::Remove(const std::string& name) const { unlinkat(fd_.get(), name.c_str(), 0); }

bool IsWithin(const std::string& path, const std::string& above) {
  return path == above || path.starts_with(above == "/" ? above : above + "/");
}

std::string RelativeTo(const std::string& path, const std::string& above) {
  if (path == above || !IsWithin(path, above)) return {};
  return path.substr(above.size() + 1);
}

Result<std::string> ReadHostFile(const std::string& path, const Tree& project) {
  const std::string inside = RelativeTo(path, project.path());
  if (!inside.empty()) return project.Read(inside);
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) return Error::FromErrno("read " + path);
  return ReadAll(fd.get(), path);
}

Result<Tree> OpenHostDir(const std::string& path, const Tree& project) {
  const std::string inside = RelativeTo(path, project.path());
  return inside.empty() ? Tree::Open(path) : project.OpenDir(inside);
}

}  // namespace cove::box
