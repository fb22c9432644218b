// Goal: memory is asked for until it is given. Method: a pipe in place of the kernel's file, whose
// reader is the kernel. The real one: sandbox/driver_test.cc.
#include "sys/reclaim.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace cove::sys {
namespace {

class ReclaimTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    kernel_ = UniqueFd(ends[0]);
    file_ = UniqueFd(ends[1]);
    stat_ = UniqueFd(memfd_create("memory.stat", MFD_CLOEXEC));
    Tell(64 << 20);
  }
  void Tell(uint64_t cache) {
    const std::string text =
        "file 0\nactive_file 4096\ninactive_file " + std::to_string(cache) + "\n";
    ASSERT_EQ(ftruncate(stat_.get(), 0), 0);
    ASSERT_EQ(pwrite(stat_.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  std::string Asked() {
    char text[3];
    const ssize_t n = read(kernel_.get(), text, sizeof text);
    return {text, static_cast<size_t>(std::max<ssize_t>(n, 0))};
  }

  UniqueFd kernel_;
  UniqueFd file_;
  UniqueFd stat_;
};

TEST_F(ReclaimTest, AsksAgainWhileFileCacheIsLeft) {
  std::jthread kernel([this] {
    EXPECT_EQ(Asked(), "all");
    EXPECT_EQ(Asked(), "all") << "the first time nothing was given";
    Tell(0);
  });
  const auto done = GiveMemoryBack(file_.get(), stat_.get(), "all");
  EXPECT_TRUE(done) << done.error().message();
}

TEST_F(ReclaimTest, AsksOnceWhereThereIsNone) {
  Tell(0);
  ASSERT_TRUE(GiveMemoryBack(file_.get(), stat_.get(), "all"));
  file_ = UniqueFd();
  EXPECT_EQ(Asked(), "all");
  EXPECT_EQ(Asked(), "");
}

TEST_F(ReclaimTest, SaysThatItMayNotAsk) {
  const auto done = GiveMemoryBack(kernel_.get(), stat_.get(), "all");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sys_errno(), EBADF);
}

}  // namespace
}  // namespace cove::sys
