// Directories by descriptor: every step of a walk opens one name below a directory that is held
// open, and never follows a symbolic link, so whoever wrote the tree cannot lead us out of it.
// Sources: openat(2), getdents(3), unlinkat(2). Thread: any; calls block on the disk.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::image {

// Opens a directory below `parent`; a symbolic link or anything else is an error.
Result<UniqueFd> OpenDir(int parent, const std::string& name);
// Opens a path of ours (not of a sandbox).
Result<UniqueFd> OpenDirPath(const std::string& path);

// The names in it without "." and "..", in byte order.
Result<std::vector<std::string>> SortedNames(int dir);

// Creates and opens it. kConflict when it exists.
Result<UniqueFd> MakeDir(int parent, const std::string& name, mode_t mode);

// Creates `name` with this content, mode and owner. kConflict when it exists.
Result<void> WriteNewFile(int dir, const std::string& name, std::string_view content, mode_t mode,
                          uid_t uid, gid_t gid);
// The whole file; kTooLarge over `max` bytes.
Result<std::string> ReadWholeFile(int dir, const std::string& name, size_t max);

// What must stay free of the disk that something is copied to. What is written costs no quota of
// the sandbox that it comes from, and reflinks there become data here. statvfs(3).
class Reserve {
 public:
  static constexpr uint64_t kLookEvery = 16 << 20;
  // `fd`: of anything on that disk; it stays open. 0 bytes: nothing is kept.
  Reserve(int fd, uint64_t bytes) : fd_(fd), bytes_(bytes) {}
  // kExhausted, saying what to do: less is free.
  Result<void> Look();
  // So many bytes were written; looks after each kLookEvery of them.
  Result<void> Wrote(uint64_t bytes);

 private:
  int fd_;
  uint64_t bytes_;
  uint64_t written_ = 0;  // since the last look
};

// Copies from the descriptors' current content: a reflink where the file system can, else the data
// with its holes. `in` and `out` stay open. ENOSPC and EDQUOT are kExhausted, and so is a reserve
// that would be touched.
Result<void> CopyData(int in, int out, Reserve* reserve = nullptr);

// Owner, mode and times as `st` has them, for what is at (dir, name). Mode is skipped for links.
Result<void> ApplyMeta(int dir, const std::string& name, const struct stat& st);

// Removes whatever is at (parent, name), however deep. Absent is fine.
Result<void> RemoveTree(int parent, const std::string& name);

// kExhausted for a full disk or quota, else as Error::FromErrno.
Error DiskError(std::string_view what, int err = errno);

}  // namespace cove::image
