// PromptInput: what the person at the terminal does, as state: lines typed (or piped), the end of
// the input, Ctrl-C. A coroutine waits on `changed` and looks. Thread: loop-confined.
#pragma once

#include <deque>
#include <string>

#include "async/signals.h"
#include "async/task_group.h"

namespace cove::cli {

struct PromptInput {
  enum class Source { kStdin, kGiven };
  // kGiven: `lines` are all there is.
  PromptInput(async::Signals& signals, Source source);

  std::deque<std::string> lines;
  bool ended = false;        // no further line will come
  bool interrupted = false;  // Ctrl-C since this was last cleared
  bool terminated = false;   // SIGTERM or SIGHUP: end now
  async::Event changed;

 private:
  async::Task<void> ReadLines();
  async::Task<void> ReadSignals(async::Signals* signals);
  async::TaskGroup tasks_;
};

}  // namespace cove::cli
