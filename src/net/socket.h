// Sockets: streams over TCP and unix sockets, listeners, addresses, fd passing.
// Sources: socket(7), unix(7), tcp(7). Thread: loop-confined.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "async/fd_watch.h"
#include "base/unique_fd.h"
#include "net/stream.h"

namespace cove::net {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  // "1.2.3.4" or "2001:db8::1"; never a name.
  static std::optional<SocketAddress> FromIp(std::string_view ip, uint16_t port);
  // A path, or with a leading '@' an abstract name.
  static Result<SocketAddress> FromUnixPath(std::string_view path);
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  uint16_t port() const;
  std::string Ip() const;        // without the port
  std::string ToString() const;  // "1.2.3.4:80", "[::1]:80", "unix"
};

// A stream over a connected socket, made non-blocking here. TCP gets TCP_NODELAY. Who reads from a
// peer that sends without end lets others have their turn: Read() yields now and then.
class SocketStream final : public ByteStream {
 public:
  explicit SocketStream(UniqueFd fd);
  ~SocketStream() override;
  Task<Result<size_t>> Read(std::span<char> buffer) override;
  Task<Result<void>> Write(std::string_view bytes) override;
  Task<Result<void>> CloseWrite() override;
  void MarkAborted() override;
  bool LooksIdle() override;
  // Waits until the peer has sent something, and takes nothing of it; false: it has ended.
  Task<Result<bool>> AwaitBytes();
  int PlainFd() const override { return fd_.get(); }

  // Sends `first` (at least one byte) and then `second` without joining them in memory. Descriptors
  // (unix sockets only) travel with the first byte.
  Task<Result<void>> SendParts(std::string_view first, std::string_view second,
                               std::vector<int> fds = {});
  // Reads at most buffer.size() bytes and adds the descriptors that came along (close-on-exec).
  Task<Result<size_t>> ReadWithFds(std::span<char> buffer, std::vector<UniqueFd>* fds);

  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  async::FdWatch watch_;
  unsigned reads_in_a_row_ = 0;  // that had not to wait
};

// Who else has the same open socket. A stranger may take connections that were there, and may make
// it blocking: accept(2) has no flag of its own against that (docs/decisions/0128).
enum class Sharers : uint8_t { kTrusted, kStrangers };

class Listener {
 public:
  explicit Listener(UniqueFd fd, Sharers sharers = Sharers::kTrusted);
  // Waits for the next connection. kUnavailable: the listener is broken (HUP, ERR), or a stranger
  // made it blocking; close it and do not try again in a loop.
  Task<Result<UniqueFd>> Accept();
  int fd() const { return fd_.get(); }

 private:
  bool Waits() const;
  UniqueFd fd_;
  Sharers sharers_;
  async::FdWatch watch_;
};

// Binds and listens; port 0 takes a free one.
Result<UniqueFd> ListenTcp(const SocketAddress& address, int backlog = 1024);
Result<UniqueFd> ListenUnix(const std::string& path, int backlog = 1024);
Task<Result<std::unique_ptr<SocketStream>>> Connect(SocketAddress address, TimePoint deadline);
Result<SocketAddress> LocalAddress(int fd);
Result<SocketAddress> PeerAddress(int fd);
// Two connected unix stream sockets (non-blocking, close-on-exec): tests and private channels.
Result<std::pair<UniqueFd, UniqueFd>> StreamPair();

}  // namespace cove::net
