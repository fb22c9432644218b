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
#include "image/reserve.h"

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
