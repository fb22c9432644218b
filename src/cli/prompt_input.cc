#include "cli/prompt_input.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace cove::cli {

namespace {

// Standard input is shared with other programs, so it is not made non-blocking: asked first.
bool CanRead() {
  pollfd fd{STDIN_FILENO, POLLIN, 0};
  return poll(&fd, 1, 0) > 0;
}

}  // namespace

PromptInput::PromptInput(async::Signals& signals, Source source) {
  if (source == Source::kStdin) {
    tasks_.Spawn(ReadLines());
  } else {
    ended = true;
  }
  tasks_.Spawn(ReadSignals(&signals));
}

async::Task<void> PromptInput::ReadLines() {
  async::FdWatch watch(STDIN_FILENO);
  std::string partial;
  char buffer[4096];
  for (;;) {
    while (!CanRead()) co_await watch.Readable();
    const ssize_t got = read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    partial.append(buffer, static_cast<size_t>(got));
    for (size_t end; (end = partial.find('\n')) != std::string::npos;) {
      lines.push_back(partial.substr(0, end));
      partial.erase(0, end + 1);
    }
    changed.NotifyAll();
  }
  if (!partial.empty()) lines.push_back(std::move(partial));
  ended = true;
  changed.NotifyAll();
}

async::Task<void> PromptInput::ReadSignals(async::Signals* signals) {
  for (;;) {
    const int signal = co_await signals->Next();
    if (signal == SIGINT) {
      interrupted = true;
    } else {
      terminated = true;
    }
    changed.NotifyAll();
  }
}

}  // namespace cove::cli
