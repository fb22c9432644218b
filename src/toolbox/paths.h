// Paths that the sandbox has a say in, walked once by the kernel and kept as descriptors: what was
// looked at is what is used, whatever is renamed or linked meanwhile. Links are followed where the
// caller's identity could follow them, but never the magic ones of /proc (/proc/PID/fd, cwd, root,
// exe): they lead to what a process holds open, not where their text says.
// The root is the process's own: that of the sandbox. Source: openat2(2). Blocks on the disk.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::toolbox {

std::string BaseName(const std::string& path);
std::string ParentOf(const std::string& path);
std::string JoinPath(const std::string& folder, const std::string& name);

// -1 and errno, as openat(2), which `folder` and `path` are as for. O_CLOEXEC is added. It never
// creates: a mode in openat2's structure is hidden from the system call filter.
int OpenFrom(int folder, const std::string& path, int flags);
// The same for an absolute path. The error names it; kInvalid: it needs a magic link.
Result<UniqueFd> OpenPath(const std::string& path, int flags);
// The error that OpenPath gives, from errno.
Error PathError(const std::string& path, int error = errno);

// A folder (O_PATH), made as mkdir -p does, with mode 0755 for new ones.
Result<UniqueFd> OpenOrMakeFolder(const std::string& path);

// An entry, whether it exists or not: the folder that holds it, open (O_PATH), and its name there.
struct Place {
  UniqueFd folder;
  std::string name;  // one name; "." or ".." or "/" if the path ends so
};

enum class LastLink { kFollow, kItself };
enum class Parents { kMustExist, kMake };
// REQUIRES: an absolute path. kFollow: while the entry is a link, the place that it names instead;
// folders are made for `path` itself only, as OpenOrMakeFolder does.
Result<Place> FindPlace(const std::string& path, LastLink last,
                        Parents parents = Parents::kMustExist);

// A name of what `fd` is, for calls that take no O_PATH descriptor. Follows to it and nowhere else.
std::string NameOf(const UniqueFd& fd);

}  // namespace cove::toolbox
