// Helpers of this room's tests: a temporary directory and small files in it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "image/dir.h"

namespace cove::image::testing {

class TempDir {
 public:
  TempDir() {
    std::string name = "/tmp/cove-image-XXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    path_ = name;
    fd_ = UniqueFd(open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~TempDir() {
    const UniqueFd tmp(open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    EXPECT_TRUE(RemoveTree(tmp.get(), path_.substr(5)));
  }
  const std::string& path() const { return path_; }
  int fd() const { return fd_.get(); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  void Dir(const std::string& name) const {
    std::filesystem::create_directories(path_ + "/" + name);
  }
  void File(const std::string& name, std::string_view text, mode_t mode = 0644) const {
    std::filesystem::create_directories(std::filesystem::path(path_ + "/" + name).parent_path());
    std::ofstream(path_ + "/" + name) << text;
    EXPECT_EQ(chmod((path_ + "/" + name).c_str(), mode), 0);
  }
  std::string Read(const std::string& name) const {
    std::ifstream in(path_ + "/" + name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  bool Has(const std::string& name) const {
    return std::filesystem::exists(std::filesystem::symlink_status(path_ + "/" + name));
  }
  struct stat Stat(const std::string& name) const {
    struct stat st{};
    EXPECT_EQ(lstat((path_ + "/" + name).c_str(), &st), 0) << name;
    return st;
  }

 private:
  std::string path_;
  UniqueFd fd_;
};

}  // namespace cove::image::testing
