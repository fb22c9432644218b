#include "async/signals.h"

#include <sys/signalfd.h>

#include <csignal>

namespace cove::async {

UniqueFd BlockSignals(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int s : signals) sigaddset(&set, s);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return UniqueFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

Signals::Signals(std::initializer_list<int> signals)
    : fd_(BlockSignals(signals)), watch_(fd_.get()) {}

Task<int> Signals::Next() {
  for (;;) {
    signalfd_siginfo info{};
    if (read(fd_.get(), &info, sizeof info) == sizeof info)
      co_return static_cast<int>(info.ssi_signo);
    co_await watch_.Readable();
  }
}

}  // namespace cove::async
