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
    std::function<Result<void>(std::shared_ptr<FrontLink>, proto::Frame)> on_frame;
    std::function<void()> on_ready;  // each time that one says it serves
  };
  explicit FrontProcess(Settings settings) : settings_(std::move(settings)) {}

  // Until Stop(), or until a front gives up before any was ready: kUnavailable then.
  Task<Result<void>> Run();

  // To the present front, if there is one.
  template <class Message>
  void SendEvent(proto::runner::Type type, const Message& message) {
    if (link_) link_->Send(type, message);
  }
  // Ends Run(): the front gets SIGTERM. Kill() when it takes too long.
  void Stop();
  void Kill();
  pid_t pid() const { return child_ ? child_->pid() : 0; }

 private:
  Task<Result<int>> RunOnce();
  Task<void> ReadFrames(std::shared_ptr<FrontLink> link);

  Settings settings_;
  std::optional<Child> child_;
  std::shared_ptr<FrontLink> link_;
  bool stopping_ = false;
  bool ever_ready_ = false;
  async::Event wake_;
};

}  // namespace cove::runner
