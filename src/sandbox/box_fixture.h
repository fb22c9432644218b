// For tests of the driver: one small image made of this machine's own programs, boxes on it, and
// commands in them. The test program itself is the toolbox of these boxes (guest_test.cc).
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/loop.h"
#include "sandbox/driver.h"
#include "sandbox/launch.h"

namespace cove::sandbox {

struct CommandResult {
  std::string output;  // stdout and stderr
  int status = -1;     // exit status; 128 + signal
};

class BoxTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  void SetUp() override;
  void TearDown() override;

  BoxSpec Spec();
  // Starts a box (REQUIRES: none runs) and fails the test if that does not work.
  void StartBox(BoxSpec spec);
  void StartBox() { StartBox(Spec()); }
  void EndBox();
  template <class T>
  T Wait(Task<T> task) {
    return loop_.RunUntil(std::move(task));
  }

  // Runs `script` with bash as `uid` inside the box.
  CommandResult Run(unsigned uid, const std::string& script);
  // The output of a script that has to succeed.
  std::string Output(unsigned uid, const std::string& script);

  static std::string Layer();
  std::string BoxDir() const { return dir_ + "/box"; }
  std::string MemoryCgroupDir() const {
    const std::string v1 = "/sys/fs/cgroup/memory/" + CgroupParent() + "/" + id_.value;
    return access(v1.c_str(), F_OK) == 0 ? v1
                                         : "/sys/fs/cgroup/" + CgroupParent() + "/" + id_.value;
  }
  std::string CgroupParent() const { return "cove-test-" + std::to_string(getpid()); }

  async::Loop loop_;
  std::string dir_;
  std::unique_ptr<NamespaceDriver> driver_;
  SandboxId id_;
  std::optional<RunningBox> box_;
};

inline constexpr uint32_t kTestUidBase = 1900000000;

}  // namespace cove::sandbox
