// RunnerClient: the front's end of the channel to the runner (proto/runner.h), as coroutines.
//
// Many requests may be under way at once; each gets its reply by number. A request that is
// cancelled (its task destroyed) is still carried out by the runner: its reply, descriptors
// included, is dropped. When the channel breaks, every request ends with kUnavailable and
// WaitClosed() returns: the front then exits, and the runner starts a new one.
//
// Use:
//   RunnerClient runner(std::move(fd));                       // fd 3
//   CO_ASSIGN_OR_RETURN(auto hello, co_await runner.WaitHello(Now() + seconds(10)));
//   runner.set_on_exited([&](const runner::BoxExited& e) { ... });
//   runner.SendReady();                                       // once the API serves
// Thread: loop-confined. The client must outlive the tasks that its methods give.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "async/task_group.h"
#include "proto/runner.h"

namespace cove::proto {

// The sockets that the front holds for one running sandbox. Non-blocking, close-on-exec.
struct BoxSockets {
  UniqueFd tcp4;
  UniqueFd tcp6;
  UniqueFd dns_udp;
  UniqueFd dns_tcp;
};

struct RunningBox {
  runner::BoxStarted info;
  BoxSockets sockets;
};

class RunnerClient {
 public:
  using OnProgress = std::function<void(std::string_view line)>;
  using OnExited = std::function<void(const runner::BoxExited&)>;
  using OnOom = std::function<void(const runner::BoxOom&)>;
  using OnRoom = std::function<void(const Room&)>;

  explicit RunnerClient(UniqueFd channel);
  ~RunnerClient();
  RunnerClient(const RunnerClient&) = delete;
  RunnerClient& operator=(const RunnerClient&) = delete;

  struct Welcome {
    runner::Hello hello;
    UniqueFd api_listener;
  };
  // The runner's first message. Call once.
  Task<Result<Welcome>> WaitHello(TimePoint deadline);
  // Tells the runner that the API answers; it then prints the `ready` line.
  void SendReady();
  // Returns when the runner is gone.
  Task<void> WaitClosed();
  bool closed() const { return closed_.is_set(); }

  // Called on the loop, at once, for each event. Events before this is set are kept for it.
  void set_on_exited(OnExited callback);
  // The same; events before this is set are dropped, as ListBoxes() tells the count.
  void set_on_oom(OnOom callback) { on_oom_ = std::move(callback); }

  // Called with what each ListBoxes() and each event tells; what came before this is set is
  // dropped.
  void set_on_room(OnRoom callback) { on_room_ = std::move(callback); }

  Task<Result<RunningBox>> CreateBox(runner::BoxCreate request);
  Task<Result<RunningBox>> StartBox(SandboxId id);
  Task<Result<RunningBox>> AttachBox(SandboxId id);
  Task<Result<void>> StopBox(SandboxId id, milliseconds grace);
  Task<Result<void>> DeleteBox(SandboxId id);
  Task<Result<void>> PauseBox(SandboxId id);
  Task<Result<void>> ResumeBox(SandboxId id);
  Task<Result<std::vector<runner::BoxInfo>>> ListBoxes();
  Task<Result<void>> ResizeBox(SandboxId id, runner::Limits limits);
  Task<Result<runner::ImageInfo>> SnapshotBox(SandboxId id, OnProgress on_progress = {});
  Task<Result<runner::ImageInfo>> HostImage(std::string trust, OnProgress on_progress = {});
  Task<Result<std::vector<runner::ImageInfo>>> ListImages();
  Task<Result<void>> DeleteImage(ImageId id);

 private:
  struct Pending {
    async::Event done;
    std::optional<Result<std::string>> reply;  // the body
    std::vector<UniqueFd> fds;
    OnProgress on_progress;
  };
  struct Answer {
    std::string body;
    std::vector<UniqueFd> fds;
  };
  Task<Result<Answer>> Call(runner::Type type, std::string body, OnProgress on_progress = {});
  Task<Result<RunningBox>> CallForBox(runner::Type type, std::string body);
  Task<void> ReadAll();
  Task<void> WriteAll();
  Result<void> OnFrame(Frame frame);
  Result<void> OnReply(Frame frame);
  void Break(std::string why);

  Channel channel_;
  async::Queue<std::pair<runner::Type, std::string>> outgoing_;
  std::map<uint64_t, Pending*> pending_;
  uint64_t next_number_ = 1;
  std::optional<Welcome> welcome_;
  async::Event welcomed_;
  OnExited on_exited_;
  OnOom on_oom_;
  OnRoom on_room_;
  std::vector<runner::BoxExited> early_exits_;
  std::string begun_;   // of a body that comes in several frames (kMore)
  std::string broken_;  // why, once it is
  async::Event closed_;
  async::TaskGroup tasks_;
};

}  // namespace cove::proto
