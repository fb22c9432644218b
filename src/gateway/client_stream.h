// The sandbox's end of a connection: a socket whose first bytes were read already, and counters.
// The bytes read ahead come out of Read() first. Thread: loop-confined.
#pragma once

#include "net/socket.h"

namespace cove::gateway {

struct Counters {
  uint64_t out = 0;  // from the sandbox
  uint64_t in = 0;   // to the sandbox
};

class ClientStream final : public net::ByteStream {
 public:
  // `counters` must outlive the stream.
  ClientStream(std::unique_ptr<net::SocketStream> socket, std::string read_ahead,
               Counters* counters)
      : socket_(std::move(socket)), read_ahead_(std::move(read_ahead)), counters_(counters) {}

  net::Task<Result<size_t>> Read(std::span<char> buffer) override;
  net::Task<Result<void>> Write(std::string_view bytes) override;
  net::Task<Result<void>> CloseWrite() override { return socket_->CloseWrite(); }
  void MarkAborted() override { socket_->MarkAborted(); }

 private:
  std::unique_ptr<net::SocketStream> socket_;
  std::string read_ahead_;
  size_t taken_ = 0;
  Counters* counters_;
};

}  // namespace cove::gateway
