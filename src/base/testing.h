// What the tests of all rooms share: a directory of a test's own, and what a test may ask for.
// In no program. Sources: openat2(2), unlinkat(2). Thread: values.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/unique_fd.h"

// Ends a test, or what sets one up, that only root can run. In a release build a skip fails the run
// (cmake/room.cmake).
#define NEEDS_ROOT()                                    \
  do {                                                  \
    if (::geteuid() != 0) GTEST_SKIP() << "needs root"; \
  } while (false)

namespace cove {

// A new directory, removed with all that is in it at the end; a failure to do that is the test's.
class TempDir {
 public:
  explicit TempDir(const std::string& parent = "/tmp")
      : parent_(open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
        path_(parent + "/cove-test-XXXXXX") {
    EXPECT_NE(mkdtemp(path_.data()), nullptr) << path_;
    fd_.Reset(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~TempDir() {
    EXPECT_TRUE(RemoveTree(parent_.get(), path_.substr(path_.rfind('/') + 1))) << path_;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  int fd() const { return fd_.get(); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  void Dir(const std::string& name) const { std::filesystem::create_directories(*this / name); }
  // Its directories are made, too.
  void File(const std::string& name, std::string_view text, mode_t mode = 0644) const {
    std::filesystem::create_directories(std::filesystem::path(*this / name).parent_path());
    std::ofstream(*this / name) << text;
    EXPECT_EQ(chmod((*this / name).c_str(), mode), 0) << name;
  }
  std::string Read(const std::string& name) const {
    std::ifstream in(*this / name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // Of a link: the link's own, here and in Stat().
  bool Has(const std::string& name) const {
    return std::filesystem::exists(std::filesystem::symlink_status(*this / name));
  }
  struct stat Stat(const std::string& name) const {
    struct stat st{};
    EXPECT_EQ(lstat((*this / name).c_str(), &st), 0) << name;
    return st;
  }

 private:
  // By descriptors, so that no link in it leads out; what is mounted in it stays.
  static bool RemoveTree(int parent, const std::string& name) {
    if (unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return true;
    if (errno != EISDIR) return false;
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
    DIR* dir =
        fdopendir(static_cast<int>(syscall(SYS_openat2, parent, name.c_str(), &how, sizeof how)));
    if (dir == nullptr) return false;
    std::vector<std::string> names;
    while (const dirent* entry = readdir(dir)) {
      const std::string_view each = entry->d_name;
      if (each != "." && each != "..") names.emplace_back(each);
    }
    bool all = true;
    for (const std::string& each : names) all = RemoveTree(dirfd(dir), each) && all;
    closedir(dir);
    return unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 && all;
  }

  UniqueFd parent_;
  std::string path_;
  UniqueFd fd_;
};

}  // namespace cove
