#include "toolbox/leftovers.h"

#include <cerrno>

#include "async/fd_watch.h"

namespace cove::toolbox {
namespace {
constexpr size_t kBurst = 64 * 1024;
constexpr milliseconds kPause{20};
}  // namespace

async::Task<void> Leftovers::Drain(Pipe* pipe) {
  async::FdWatch watch(pipe->fd.get());
  char buffer[4096];
  size_t taken = 0;
  for (;;) {
    const ssize_t n = read(pipe->fd.get(), buffer, sizeof buffer);
    if (n > 0) {
      taken += static_cast<size_t>(n);
      if (taken < kBurst) continue;
      // A program that writes without end must not keep us busy.
      taken = 0;
      co_await async::Sleep(kPause);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n == 0 || errno != EAGAIN) break;
    co_await watch.Readable();
  }
  pipe->ended = true;
}

void Leftovers::Keep(UniqueFd fd) {
  pipes_.remove_if([](const Pipe& pipe) { return pipe.ended; });
  if (pipes_.size() >= kLeftoversMax) pipes_.pop_front();
  pipes_.emplace_back();
  Pipe& pipe = pipes_.back();
  pipe.fd = std::move(fd);
  pipe.reader.Spawn(Drain(&pipe));
}

}  // namespace cove::toolbox
