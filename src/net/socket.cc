#include "net/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace cove::net {
namespace {

constexpr size_t kFdsPerMessageMax = 32;
constexpr unsigned kReadsPerTurn = 32;

void SetNonBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) == 0) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

bool WouldBlock(int err) { return err == EAGAIN || err == EWOULDBLOCK; }

// `control` has room for kFdsPerMessageMax.
void AddDescriptors(msghdr* message, char* control, const std::vector<int>& fds) {
  message->msg_control = control;
  message->msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
  cmsghdr* header = CMSG_FIRSTHDR(message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
  std::memcpy(CMSG_DATA(header), fds.data(), sizeof(int) * fds.size());
}

Error TimedOut(std::string_view what) {
  return {Code::kTimeout, std::string(what) + " took too long"};
}

}  // namespace

std::optional<SocketAddress> SocketAddress::FromIp(std::string_view ip, uint16_t port) {
  const std::string text(ip);
  SocketAddress out;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    out.size = sizeof *v4;
    return out;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  std::memset(&out.storage, 0, sizeof out.storage);
  if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    out.size = sizeof *v6;
    return out;
  }
  return std::nullopt;
}

Result<SocketAddress> SocketAddress::FromUnixPath(std::string_view path) {
  SocketAddress out;
  auto* un = reinterpret_cast<sockaddr_un*>(&out.storage);
  if (path.empty() || path.size() >= sizeof un->sun_path) {
    return Error(Code::kInvalid,
                 "unix socket path is empty or over 107 bytes: " + std::string(path));
  }
  un->sun_family = AF_UNIX;
  std::memcpy(un->sun_path, path.data(), path.size());
  out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  if (path.front() == '@') {
    un->sun_path[0] = '\0';
    --out.size;
  }
  return out;
}

uint16_t SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
  if (family() == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
  return 0;
}

std::string SocketAddress::Ip() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr, text,
              sizeof text);
  } else if (family() == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr, text,
              sizeof text);
  }
  return text;
}

std::string SocketAddress::ToString() const {
  if (family() == AF_INET) return Ip() + ":" + std::to_string(port());
  if (family() == AF_INET6) return "[" + Ip() + "]:" + std::to_string(port());
  return "unix";
}

SocketStream::SocketStream(UniqueFd fd)
    : fd_(std::move(fd)), watch_((SetNonBlocking(fd_.get()), fd_.get())) {
  const int one = 1;
  setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);  // fails harmlessly on unix
}

SocketStream::~SocketStream() = default;

// MSG_DONTWAIT: a sandbox that still holds a descriptor it passed could clear O_NONBLOCK.
Task<Result<size_t>> SocketStream::Read(std::span<char> buffer) {
  for (;;) {
    const ssize_t n = recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n >= 0) {
      if (++reads_in_a_row_ % kReadsPerTurn == 0) co_await async::Yield();
      co_return static_cast<size_t>(n);
    }
    if (errno == EINTR) continue;
    if (!WouldBlock(errno)) co_return Error::FromErrno("read");
    reads_in_a_row_ = 0;
    if (!co_await watch_.Readable(ReadDeadline())) co_return TimedOut("reading");
  }
}

Task<Result<bool>> SocketStream::AwaitBytes() {
  for (;;) {
    char one = 0;
    const ssize_t n = recv(fd_.get(), &one, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n >= 0) co_return n > 0;
    if (errno == EINTR) continue;
    if (!WouldBlock(errno)) co_return Error::FromErrno("read");
    if (!co_await watch_.Readable(ReadDeadline())) co_return TimedOut("reading");
  }
}

Task<Result<void>> SocketStream::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    if (!WouldBlock(errno)) co_return Error::FromErrno("write");
    if (!co_await watch_.Writable(WriteDeadline())) co_return TimedOut("writing");
  }
  co_return Ok();
}

Task<Result<void>> SocketStream::CloseWrite() {
  if (shutdown(fd_.get(), SHUT_WR) != 0 && errno != ENOTCONN)
    co_return Error::FromErrno("shutdown");
  co_return Ok();
}

void SocketStream::MarkAborted() {
  const linger now{1, 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

bool SocketStream::LooksIdle() {
  char byte;
  return recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && WouldBlock(errno);
}

Task<Result<void>> SocketStream::SendParts(std::string_view first, std::string_view second,
                                           std::vector<int> fds) {
  if (fds.size() > kFdsPerMessageMax) {
    co_return Error(Code::kInternal, "too many descriptors for one message");
  }
  while (!first.empty() || !second.empty()) {
    iovec iov[2] = {{const_cast<char*>(first.data()), first.size()},
                    {const_cast<char*>(second.data()), second.size()}};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kFdsPerMessageMax)];
    msghdr message{};
    message.msg_iov = iov;
    message.msg_iovlen = 2;
    if (!fds.empty()) AddDescriptors(&message, control, fds);
    const ssize_t n = sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      const size_t of_first = std::min(static_cast<size_t>(n), first.size());
      first.remove_prefix(of_first);
      second.remove_prefix(static_cast<size_t>(n) - of_first);
      fds.clear();  // they went along with the first byte
      continue;
    }
    if (errno == EINTR) continue;
    if (!WouldBlock(errno)) co_return Error::FromErrno("sendmsg");
    if (!co_await watch_.Writable(WriteDeadline())) co_return TimedOut("writing");
  }
  co_return Ok();
}

Task<Result<size_t>> SocketStream::ReadWithFds(std::span<char> buffer, std::vector<UniqueFd>* fds) {
  for (;;) {
    iovec iov{buffer.data(), buffer.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kFdsPerMessageMax)];
    msghdr message{};
    message.msg_iov = &iov;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t n = recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n >= 0) {
      for (cmsghdr* h = CMSG_FIRSTHDR(&message); h != nullptr; h = CMSG_NXTHDR(&message, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) continue;
        const size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; ++i) {
          int fd = -1;
          std::memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof fd);
          fds->emplace_back(fd);
        }
      }
      if ((message.msg_flags & MSG_CTRUNC) != 0) {
        co_return Error(Code::kInvalid, "the peer passed too many descriptors");
      }
      co_return static_cast<size_t>(n);
    }
    if (errno == EINTR) continue;
    if (!WouldBlock(errno)) co_return Error::FromErrno("recvmsg");
    if (!co_await watch_.Readable(ReadDeadline())) co_return TimedOut("reading");
  }
}

Listener::Listener(UniqueFd fd, Sharers sharers)
    : fd_(std::move(fd)), sharers_(sharers), watch_((SetNonBlocking(fd_.get()), fd_.get())) {}

// Whether something is there to be accepted.
bool Listener::Waits() const {
  pollfd look{fd_.get(), POLLIN, 0};
  return poll(&look, 1, 0) != 0;
}

Task<Result<UniqueFd>> Listener::Accept() {
  for (;;) {
    if (sharers_ == Sharers::kStrangers) {
      if (!Waits()) {
        co_await watch_.Readable();
        continue;
      }
      if ((fcntl(fd_.get(), F_GETFL) & O_NONBLOCK) == 0) {
        co_return Error(Code::kUnavailable, "a listening socket was made blocking from outside");
      }
    }
    UniqueFd fd(accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) co_return std::move(fd);
    switch (errno) {
      case EINTR:
      case ECONNABORTED:
        continue;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        // Nothing can be accepted until something is closed; the connection stays queued.
        co_await async::Sleep(milliseconds(20));
        continue;
      case EAGAIN:
        break;
      default: {
        Error error = Error::FromErrno("accept");
        co_return Error(Code::kUnavailable, error.message(), error.sys_errno());
      }
    }
    co_await watch_.Readable();
  }
}

Result<UniqueFd> ListenTcp(const SocketAddress& address, int backlog) {
  UniqueFd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Error::FromErrno("socket");
  const int one = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd.get(), address.get(), address.size) != 0) {
    return Error::FromErrno("cannot bind " + address.ToString());
  }
  if (listen(fd.get(), backlog) != 0) return Error::FromErrno("listen on " + address.ToString());
  return fd;
}

Result<UniqueFd> ListenUnix(const std::string& path, int backlog) {
  ASSIGN_OR_RETURN(const SocketAddress address, SocketAddress::FromUnixPath(path));
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Error::FromErrno("socket");
  if (bind(fd.get(), address.get(), address.size) != 0) {
    return Error::FromErrno("cannot bind " + path);
  }
  if (listen(fd.get(), backlog) != 0) return Error::FromErrno("listen on " + path);
  return fd;
}

Task<Result<std::unique_ptr<SocketStream>>> Connect(SocketAddress address, TimePoint deadline) {
  UniqueFd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) co_return Error::FromErrno("socket");
  // A unix listener with a full queue says EAGAIN and has no event for it.
  while (connect(fd.get(), address.get(), address.size) != 0) {
    if (errno == EINPROGRESS) {
      async::FdWatch watch(fd.get());
      if (!co_await watch.Writable(deadline)) {
        co_return Error(Code::kTimeout, "connecting to " + address.ToString() + " took too long");
      }
      int err = 0;
      socklen_t size = sizeof err;
      getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &err, &size);
      if (err != 0) co_return Error::FromErrno("cannot connect to " + address.ToString(), err);
      break;
    }
    if (errno == EAGAIN && Now() < deadline) {
      co_await async::Sleep(milliseconds(1));
      continue;
    }
    if (errno != EINTR) co_return Error::FromErrno("cannot connect to " + address.ToString());
  }
  co_return std::make_unique<SocketStream>(std::move(fd));
}

Result<SocketAddress> LocalAddress(int fd) {
  SocketAddress out;
  out.size = sizeof out.storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&out.storage), &out.size) != 0) {
    return Error::FromErrno("getsockname");
  }
  return out;
}

Result<SocketAddress> PeerAddress(int fd) {
  SocketAddress out;
  out.size = sizeof out.storage;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&out.storage), &out.size) != 0) {
    return Error::FromErrno("getpeername");
  }
  return out;
}

Result<std::pair<UniqueFd, UniqueFd>> StreamPair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) {
    return Error::FromErrno("socketpair");
  }
  return std::make_pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

}  // namespace cove::net
