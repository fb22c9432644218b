// FrontProcess: keeps one front running. A front that dies is replaced at once (with growing pauses
// if it dies young), on the same listening socket, so that connections only wait.
// Thread: loop-confined.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "runner/front_link.h"
#include "runner/spawn.h"

namespace cove::runner {

class FrontProcess {
 public:
  struct Settings {
    std::vector<std::string> args;  // after "cove": "front", ...
    std::vector<std::string> env;
    int listener = -1;   // stays the caller's
    int config_fd = -1;  // the opened configuration file, descriptor 4 of the front; -1: none
    uid_t uid = 0;
    // What it may take to end when it is asked to; its own bound is five seconds and what it then
    // still has to write.
    Duration stop_wait = seconds(20);
    std::function<Result<void>(std::shared_ptr<FrontLink>, proto::Frame)> on_frame;
    std::function<void()> on_ready;  // each time that one says it serves
  };
  explicit FrontProcess(Settings settings) : settings_(std::move(settings)) {}

  // Until Stop(), or until a front gives up, or cannot be started, before any was ready.
  Task<Result<void>> Run();

  // To the present front, if there is one.
  template <class Message>
  void SendEvent(proto::runner::Type type, const Message& message) {
    if (link_) link_->Send(type, message);
  }
  // Ends Run(): the front gets SIGTERM, and SIGKILL after `stop_wait`. Kill(): at once.
  void Stop();
  void Kill();
  pid_t pid() const { return child_ ? child_->pid() : 0; }
  // How often one could not even be started.
  int failed_starts() const { return failed_starts_; }

 private:
  Task<Result<int>> RunOnce();
  Task<void> ReadFrames(std::shared_ptr<FrontLink> link);
  Task<void> WriteFrames(std::shared_ptr<FrontLink> link);
  Task<void> KillAtTheEnd();
  void GiveUp();

  Settings settings_;
  std::optional<Child> child_;
  std::shared_ptr<FrontLink> link_;
  bool stopping_ = false;
  bool ever_ready_ = false;
  int failed_starts_ = 0;
  async::Event wake_;
};

}  // namespace cove::runner
