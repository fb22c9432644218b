// Frames over a unix stream socket: an 8-byte header (u32 body length, u16 type, u16 zero; little
// endian), then the body; descriptors travel with the first byte of their frame.
// Thread: loop-confined. Errors: kClosed when the peer is gone between frames.
#pragma once

#include <memory>
#include <vector>

#include "net/socket.h"
#include "proto/wire.h"

namespace cove::proto {

using async::Task;

inline constexpr size_t kFrameBodyMax = 1024 * 1024;

struct Frame {
  uint16_t type = 0;
  std::string body;
  std::vector<UniqueFd> fds;
};

class Channel {
 public:
  explicit Channel(std::unique_ptr<net::SocketStream> stream) : stream_(std::move(stream)) {}
  explicit Channel(UniqueFd fd) : stream_(std::make_unique<net::SocketStream>(std::move(fd))) {}

  Task<Result<Frame>> Receive();
  Task<Result<void>> SendRaw(uint16_t type, std::string body, std::vector<int> fds = {});
  // The same without a copy: `body` must stay until this returns.
  Task<Result<void>> SendView(uint16_t type, std::string_view body, std::vector<int> fds = {});

  template <class Type, class Message>
  Task<Result<void>> Send(Type type, const Message& message, std::vector<int> fds = {}) {
    return SendRaw(static_cast<uint16_t>(type), Encode(message), std::move(fds));
  }
  template <class Type>
  Task<Result<void>> Send(Type type) {
    return SendRaw(static_cast<uint16_t>(type), {}, {});
  }
  net::SocketStream& stream() { return *stream_; }

 private:
  std::unique_ptr<net::SocketStream> stream_;
};

}  // namespace cove::proto
