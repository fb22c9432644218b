#include "image/dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <memory>

namespace cove::image {
namespace {

struct CloseDir {
  void operator()(DIR* d) const { closedir(d); }
};

Result<void> WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return DiskError("write");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return Ok();
}

Result<void> Count(Reserve* reserve, ssize_t written) {
  return reserve != nullptr ? reserve->Wrote(static_cast<uint64_t>(written)) : Ok();
}

// The bytes [from, to) of `in` at the same place in `out`.
Result<void> CopyRange(int in, int out, off_t from, off_t to, Reserve* reserve) {
  constexpr off_t kAtOnce = Reserve::kLookEvery;
  std::array<char, 128 * 1024> buffer;
  bool in_kernel = true;
  while (from < to) {
    if (in_kernel) {
      off_t in_at = from;
      off_t out_at = from;
      const auto want = static_cast<size_t>(std::min(to - from, kAtOnce));
      const ssize_t n = copy_file_range(in, &in_at, out, &out_at, want, 0);
      if (n == 0) return Ok();  // the file became shorter
      if (n > 0) {
        from += n;
        RETURN_IF_ERROR(Count(reserve, n));
        continue;
      }
      if (errno == ENOSPC || errno == EDQUOT || errno == EIO) return DiskError("copy");
      in_kernel = false;
    }
    const auto want = std::min<off_t>(static_cast<off_t>(buffer.size()), to - from);
    const ssize_t n = pread(in, buffer.data(), static_cast<size_t>(want), from);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return DiskError("read");
    if (n == 0) return Ok();
    ssize_t done = 0;
    while (done < n) {
      const ssize_t w =
          pwrite(out, buffer.data() + done, static_cast<size_t>(n - done), from + done);
      if (w < 0 && errno == EINTR) continue;
      if (w < 0) return DiskError("write");
      done += w;
    }
    from += n;
    RETURN_IF_ERROR(Count(reserve, n));
  }
  return Ok();
}

}  // namespace

Error DiskError(std::string_view what, int err) {
  if (err == ENOSPC || err == EDQUOT) {
    return Error(Code::kExhausted,
                 std::string(what) + ": the data disk is full; delete sandboxes or images", err);
  }
  return Error::FromErrno(what, err);
}

Result<UniqueFd> OpenDir(int parent, const std::string& name) {
  UniqueFd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return Error::FromErrno("open directory " + name);
  return fd;
}

Result<UniqueFd> OpenDirPath(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return Error::FromErrno("open directory " + path);
  return fd;
}

Result<std::vector<std::string>> SortedNames(int dir) {
  UniqueFd copy(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!copy) return Error::FromErrno("open directory");
  const std::unique_ptr<DIR, CloseDir> stream(fdopendir(copy.get()));
  if (!stream) return Error::FromErrno("read directory");
  (void)copy.Release();  // the stream closes it
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return Error::FromErrno("read directory");
  std::sort(names.begin(), names.end());
  return names;
}

Result<UniqueFd> MakeDir(int parent, const std::string& name, mode_t mode) {
  if (mkdirat(parent, name.c_str(), mode) != 0) {
    if (errno == EEXIST) return Error(Code::kConflict, "directory " + name + " exists", EEXIST);
    return DiskError("make directory " + name);
  }
  return OpenDir(parent, name);
}

Result<void> WriteNewFile(int dir, const std::string& name, std::string_view content, mode_t mode,
                          uid_t uid, gid_t gid) {
  const UniqueFd fd(
      openat(dir, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) {
    if (errno == EEXIST) return Error(Code::kConflict, "file " + name + " exists", EEXIST);
    return DiskError("create " + name);
  }
  RETURN_IF_ERROR(WriteAll(fd.get(), content));
  if (fchown(fd.get(), uid, gid) != 0) return DiskError("set the owner of " + name);
  if (fchmod(fd.get(), mode) != 0) return DiskError("set the mode of " + name);
  return Ok();
}

Result<std::string> ReadWholeFile(int dir, const std::string& name, size_t max) {
  const UniqueFd fd(openat(dir, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return Error::FromErrno("open " + name);
  std::string out;
  std::array<char, 16 * 1024> buffer;
  for (;;) {
    const ssize_t n = read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::FromErrno("read " + name);
    if (n == 0) return out;
    out.append(buffer.data(), static_cast<size_t>(n));
    if (out.size() > max) return Error(Code::kTooLarge, "file " + name + " is too large");
  }
}

Result<void> CopyData(int in, int out, Reserve* reserve) {
  struct stat st{};
  if (fstat(in, &st) != 0) return Error::FromErrno("stat");
  if (st.st_size == 0) return Ok();
  if (ioctl(out, FICLONE, in) == 0) return Ok();
  if (ftruncate(out, st.st_size) != 0) return DiskError("set the size");
  off_t at = 0;
  while (at < st.st_size) {
    const off_t data = lseek(in, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) return Ok();  // only a hole is left
    const off_t from = data < 0 ? at : data;
    const off_t hole = data < 0 ? st.st_size : lseek(in, from, SEEK_HOLE);
    const off_t to = hole < 0 ? st.st_size : std::min(hole, st.st_size);
    RETURN_IF_ERROR(CopyRange(in, out, from, to, reserve));
    at = to;
  }
  return Ok();
}

Result<void> ApplyMeta(int dir, const std::string& name, const struct stat& st) {
  if (fchownat(dir, name.c_str(), st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) != 0) {
    return DiskError("set the owner of " + name);
  }
  if (!S_ISLNK(st.st_mode) && fchmodat(dir, name.c_str(), st.st_mode & 07777, 0) != 0) {
    return DiskError("set the mode of " + name);
  }
  const timespec times[2] = {st.st_atim, st.st_mtim};
  if (utimensat(dir, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) {
    return DiskError("set the times of " + name);
  }
  return Ok();
}

}  // namespace cove::image
