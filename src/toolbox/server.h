// Server: accepts the host's connections and serves one operation on each, until the host hangs up.
// Thread: loop-confined. Everything that serves dies with it.
#pragma once

#include "net/socket.h"
#include "toolbox/operations.h"
#include "toolbox/sessions.h"

namespace cove::toolbox {

class Server {
 public:
  static constexpr size_t kConnectionsMax = 512;
  static constexpr size_t kFileWorkersMax = 64;

  Server(Shared& shared, Sessions& sessions) : shared_(shared), sessions_(sessions) {}

  // Serves until the listener breaks.
  Task<void> Run(UniqueFd listener);
  // Set once the host has asked for the end (kShutdown).
  async::Event& shutdown_asked() { return shutdown_asked_; }

 private:
  Task<void> Serve(UniqueFd fd);
  Task<void> Perform(SharedChannel* channel, Frame frame, async::Event* done);
  Task<Result<void>> Dispatch(SharedChannel& channel, Frame frame);
  Task<Result<void>> DispatchSession(SharedChannel& channel, Frame frame);
  Task<Result<void>> Info(SharedChannel& channel);
  Task<Result<void>> StartFileWorker(SharedChannel& channel, Frame frame);
  Task<void> AwaitWorker(std::unique_ptr<Child> worker);
  void OfferSshAgent();

  Shared& shared_;
  Sessions& sessions_;
  size_t connections_ = 0;
  size_t file_workers_ = 0;
  bool ssh_agent_offered_ = false;
  async::Event shutdown_asked_;
  async::TaskGroup tasks_;
};

}  // namespace cove::toolbox
