// Bytes both ways between two sockets that nobody looks into, with next to nothing per tunnel: all
// share one buffer of the thread, and only what a slow reader has not taken yet is kept (at most
// one buffer for each direction). Sockets are taken out of their streams for it. Thread:
// loop-confined.
#pragma once

#include "async/fd_watch.h"
#include "gateway/shared_pipe.h"
#include "gateway/tunnel.h"
#include "net/socket.h"

namespace cove::gateway {

class SocketTunnel final : public Tunnel {
 public:
  // kExhausted: no descriptor (one is needed for a moment).
  static Result<std::unique_ptr<SocketTunnel>> Make(std::unique_ptr<net::SocketStream> client,
                                                    std::unique_ptr<net::SocketStream> server);

  Task<Result<void>> Run(Duration idle) override;
  void Abort() override;

 private:
  struct End {
    explicit End(UniqueFd f) : fd(std::move(f)), watch(fd.get()) {}
    UniqueFd fd;
    async::FdWatch watch;
  };
  struct State {
    int open = 2;
    Result<void> result;
    TimePoint last_activity = Now();
    async::Event done;
  };
  SocketTunnel(UniqueFd client, UniqueFd server)
      : client_(std::move(client)), server_(std::move(server)) {}
  static Result<SharedPipe::Moved> Copy(int from, int to, size_t most);
  static Task<void> OneWay(End& from, End& to, uint64_t* count, Lease* lease, State* state);
  static Task<Result<void>> Move(End& from, End& to, uint64_t* count, Lease* lease, State* state);

  End client_;
  End server_;
};

}  // namespace cove::gateway
