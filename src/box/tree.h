// Tree: files of a project, read and written by root in a directory that an agent can write to. No
// symbolic link in it is ever followed, new files appear whole, and what is made belongs to the
// directory's owner. Paths are relative and plain ("a/b"). Thread: any; calls block on the disk.
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::box {

inline constexpr size_t kFileBytesMax = 4 << 20;

class Tree {
 public:
  // `path` is resolved already: links on the way to it are its owner's business.
  static Result<Tree> Open(const std::string& path);

  const std::string& path() const { return path_; }
  uid_t owner() const { return owner_; }
  int fd() const { return fd_.get(); }

  // kNotFound; kDenied for a link, a device or whatever else is no plain file.
  Result<std::string> Read(const std::string& name) const;
  Result<void> Write(const std::string& name, std::string_view text, mode_t mode) const;
  // Made with its missing parents. There already: fine.
  Result<Tree> MakeDir(const std::string& name, mode_t mode) const;
  Result<Tree> OpenDir(const std::string& name) const;
  Result<std::vector<std::string>> Names() const;
  bool HasDir(const std::string& name) const;
  // A plain file; its mode.
  Result<struct stat> Stat(const std::string& name) const;
  void Remove(const std::string& name) const;

 private:
  Tree(std::string path, UniqueFd fd, uid_t owner, gid_t group)
      : path_(std::move(path)), fd_(std::move(fd)), owner_(owner), group_(group) {}
  static Result<Tree> FromFd(std::string path, UniqueFd fd);
  std::string path_;
  UniqueFd fd_;
  uid_t owner_;
  gid_t group_;
};

// A file of the host: by `project`'s rules when it lies in there, else as anybody would.
Result<std::string> ReadHostFile(const std::string& path, const Tree& project);
// Is there such a directory, by the same rules?
Result<Tree> OpenHostDir(const std::string& path, const Tree& project);

// The path below `above`, or nothing if it is not below it.
std::string RelativeTo(const std::string& path, const std::string& above);
// Is it `above` or below it, by components?
bool IsWithin(const std::string& path, const std::string& above);

}  // namespace cove::box
