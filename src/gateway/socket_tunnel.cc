#include "gateway/socket_tunnel.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "async/task_group.h"

namespace cove::gateway {
namespace {

constexpr size_t kBuffer = 128 * 1024;
constexpr size_t kMuch = 64 * 1024;
constexpr int kMovesPerTurn = 16;  // then it is the turn of others

bool WouldBlock(int err) { return err == EAGAIN || err == EWOULDBLOCK; }

// Never held while anything is awaited.
std::array<char, kBuffer>& Buffer() {
  thread_local const auto buffer = std::make_unique<std::array<char, kBuffer>>();
  return *buffer;
}

// A stream registers its descriptor with the loop; another number for the same socket can be
// registered anew, and the stream then goes.
Result<UniqueFd> TakeOut(std::unique_ptr<net::SocketStream> stream) {
  UniqueFd fd(fcntl(stream->fd(), F_DUPFD_CLOEXEC, 0));
  if (!fd) {
    stream->MarkAborted();
    return Error::FromErrno("a tunnel's descriptor");
  }
  return fd;
}

void AbortOne(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

// What a read would give, where no byte may be read any more: an end, nothing yet, or kExhausted.
Result<SharedPipe::Moved> Peek(int fd) {
  SharedPipe::Moved out;
  char byte = 0;
  ssize_t n = -1;
  do n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n > 0) return UsedUp();
  out.would_block = n < 0 && WouldBlock(errno);
  if (n < 0 && !out.would_block) return Error::FromErrno("read");
  return out;
}

// Sends what the socket takes now and moves *bytes past it.
Result<void> SendSome(int fd, std::string_view* bytes) {
  while (!bytes->empty()) {
    const ssize_t n = send(fd, bytes->data(), bytes->size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      bytes->remove_prefix(static_cast<size_t>(n));
    } else if (WouldBlock(errno)) {
      break;
    } else if (errno != EINTR) {
      return Error::FromErrno("write");
    }
  }
  return Ok();
}

}  // namespace

Result<std::unique_ptr<SocketTunnel>> SocketTunnel::Make(
    std::unique_ptr<net::SocketStream> client, std::unique_ptr<net::SocketStream> server) {
  auto client_fd = TakeOut(std::move(client));
  if (!client_fd) {
    server->MarkAborted();
    return std::move(client_fd).error();
  }
  auto server_fd = TakeOut(std::move(server));
  if (!server_fd) {
    AbortOne(client_fd->get());
    return std::move(server_fd).error();
  }
  return std::unique_ptr<SocketTunnel>(
      new SocketTunnel(*std::move(client_fd), *std::move(server_fd)));
}

void SocketTunnel::Abort() {
  AbortOne(client_.fd.get());
  AbortOne(server_.fd.get());
}

Result<SharedPipe::Moved> SocketTunnel::Copy(int from, int to, size_t most) {
  SharedPipe::Moved out;
  ssize_t n = -1;
  do n = recv(from, Buffer().data(), std::min(most, kBuffer), MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n < 0) {
    out.would_block = WouldBlock(errno);
    if (!out.would_block) return Error::FromErrno("read");
    return out;
  }
  out.bytes = static_cast<size_t>(n);
  std::string_view bytes(Buffer().data(), out.bytes);
  RETURN_IF_ERROR(SendSome(to, &bytes));
  out.rest = bytes;
  return out;
}

Task<Result<void>> SocketTunnel::Move(End& from, End& to, uint64_t* count, Lease* lease,
                                      State* state) {
  SharedPipe* const pipe = SharedPipe::OfThread();
  bool much = false;  // comes at a time: then it is worth not to look at it
  for (int moves = 1;; ++moves) {
    const uint64_t left = lease == nullptr ? SharedPipe::kBytes : lease->bytes_left();
    const size_t most = std::min<uint64_t>(left, SharedPipe::kBytes);
    auto moved = most == 0 ? Peek(from.fd.get())
                 : much    ? pipe->Move(from.fd.get(), to.fd.get(), most)
                           : Copy(from.fd.get(), to.fd.get(), most);
    if (!moved) co_return std::move(moved).error();
    if (moved->would_block) {
      co_await from.watch.Readable();
      continue;
    }
    if (moved->bytes == 0) break;
    much = pipe != nullptr && moved->bytes >= kMuch;
    state->last_activity = Now();
    if (lease != nullptr) CO_RETURN_IF_ERROR(SpendBytes(*lease, moved->bytes));
    std::string_view rest = moved->rest;
    while (!rest.empty()) {
      co_await to.watch.Writable();
      CO_RETURN_IF_ERROR(SendSome(to.fd.get(), &rest));
      state->last_activity = Now();
    }
    *count += moved->bytes;
    if (moves % kMovesPerTurn == 0) co_await async::Yield();
  }
  if (shutdown(to.fd.get(), SHUT_WR) != 0 && errno != ENOTCONN) {
    co_return Error::FromErrno("shutdown");
  }
  co_return Ok();
}

Task<void> SocketTunnel::OneWay(End& from, End& to, uint64_t* count, Lease* lease, State* state) {
  auto moved = co_await Move(from, to, count, lease, state);
  if (!moved) state->result = std::move(moved).error();
  if (!state->result.ok() || --state->open == 0) state->done.Set();
}

Task<Result<void>> SocketTunnel::Run(Duration idle) {
  State state;
  async::TaskGroup group;
  group.Spawn(OneWay(client_, server_, &totals_.a_to_b, lease(), &state));
  group.Spawn(OneWay(server_, client_, &totals_.b_to_a, lease(), &state));
  while (!co_await state.done.Wait(state.last_activity + idle)) {
    if (Now() >= state.last_activity + idle) {
      co_return Error(Code::kTimeout, "no byte moved for too long");
    }
  }
  co_return std::move(state.result);
}

}  // namespace cove::gateway
