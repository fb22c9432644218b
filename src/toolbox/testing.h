// A toolbox in standalone mode on the host, in a folder of its own: for tests only.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <climits>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "async/deadline.h"
#include "async/timer.h"
#include "base/testing.h"
#include "proto/boot.h"
#include "proto/toolbox_client.h"

namespace cove::toolbox {

using async::Task;
using proto::toolbox::CommandInfo;
using proto::toolbox::ExecEvent;
using proto::toolbox::ExecOutput;
using proto::toolbox::ExecRequest;
using proto::toolbox::ExitReason;
using proto::toolbox::FileReader;
using proto::toolbox::LogEvent;
using proto::toolbox::SessionExec;
using proto::toolbox::ToolboxClient;

class ToolboxTest : public testing::Test {
 protected:
  ToolboxTest() {
    home_ = root_ / "home";
    std::filesystem::create_directory(home_);
    SetOomKills(0);
    client_ = std::make_unique<ToolboxClient>(root_ / "socket");
    char self[PATH_MAX] = {};
    (void)!readlink("/proc/self/exe", self, sizeof self - 1);
    const std::string program = std::filesystem::path(self).parent_path() / "cove-toolbox";
    pid_ = fork();
    if (pid_ == 0) {
      execl(program.c_str(), program.c_str(), "--standalone", (root_ / "socket").c_str(),
            home_.c_str(), nullptr);
      _exit(127);
    }
    for (int i = 0; i < 5000 && !Get(client_->Info()); ++i) usleep(1000);
  }
  ~ToolboxTest() override {
    kill(pid_, SIGTERM);
    int status = 0;
    waitpid(pid_, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "toolbox ended with " << status;
  }

  // Runs a call to its end; no test may hang.
  template <class T>
  Result<T> Get(Task<Result<T>> task) {
    return loop_.RunUntil(async::WithDeadline(std::move(task), Now() + seconds(20), "the call"));
  }
  ExecOutput Run(ExecRequest request) {
    auto output = Get(client_->Run(std::move(request)));
    EXPECT_TRUE(output) << output.error().message();
    return output ? *std::move(output) : ExecOutput{};
  }
  ExecOutput Shell(std::string command) {
    ExecRequest request;
    request.command = std::move(command);
    return Run(std::move(request));
  }
  // What the kernel would count; written in place, as the toolbox holds the file open.
  void SetOomKills(int kills) const {
    std::ofstream(root_ / "socket.oom") << "oom_kill " << kills << "\n";
  }
  // Waits for a condition that another process makes true.
  template <class Fn>
  bool Eventually(Fn fn) {
    for (int i = 0; i < 5000; ++i) {
      if (fn()) return true;
      usleep(1000);
    }
    return false;
  }
  static std::string Slurp(const std::string& path) {
    std::ifstream in(path);
    std::stringstream out;
    out << in.rdbuf();
    return out.str();
  }

  async::Loop loop_;
  TempDir root_;
  std::string home_;
  pid_t pid_ = -1;
  std::unique_ptr<ToolboxClient> client_;
};

}  // namespace cove::toolbox
