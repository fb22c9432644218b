#include "gateway/shared_pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

namespace cove::gateway {
namespace {

constexpr unsigned kHow = SPLICE_F_NONBLOCK | SPLICE_F_MOVE;

ssize_t Splice(int from, int to, size_t bytes) {
  for (;;) {
    const ssize_t n = splice(from, nullptr, to, nullptr, bytes, kHow);
    if (n >= 0 || errno != EINTR) return n;
  }
}

}  // namespace

SharedPipe* SharedPipe::OfThread() {
  thread_local const std::unique_ptr<SharedPipe> pipe = [] {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return std::unique_ptr<SharedPipe>();
    UniqueFd read(ends[0]);
    UniqueFd write(ends[1]);
    if (fcntl(write.get(), F_SETPIPE_SZ, static_cast<int>(kBytes)) < 0) {
      return std::unique_ptr<SharedPipe>();
    }
    return std::unique_ptr<SharedPipe>(new SharedPipe(std::move(read), std::move(write)));
  }();
  return pipe.get();
}

Result<SharedPipe::Moved> SharedPipe::Move(int from, int to, size_t most) {
  Moved out;
  const ssize_t came = Splice(from, write_.get(), std::min(most, kBytes));
  if (came < 0) {
    out.would_block = errno == EAGAIN;
    if (!out.would_block) return Error::FromErrno("read");
    return out;
  }
  out.bytes = static_cast<size_t>(came);
  size_t left = out.bytes;
  while (left != 0) {
    const ssize_t n = Splice(read_.get(), to, left);
    if (n > 0) {
      left -= static_cast<size_t>(n);
      continue;
    }
    const int why = errno;
    ASSIGN_OR_RETURN(out.rest, TakeOut(left));
    if (n < 0 && why != EAGAIN) return Error::FromErrno("write", why);
    break;
  }
  return out;
}

Result<std::string> SharedPipe::TakeOut(size_t bytes) {
  std::string out(bytes, '\0');
  for (size_t have = 0; have < bytes;) {
    const ssize_t n = read(read_.get(), out.data() + have, bytes - have);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Error::FromErrno("the pipe of tunnels");
    have += static_cast<size_t>(n);
  }
  return out;
}

}  // namespace cove::gateway
