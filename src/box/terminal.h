// Terminal: a command in the box with this process's own input and output, as if it ran here.
// Thread: loop-confined.
#pragma once

#include "async/signals.h"
#include "proto/toolbox_client.h"

namespace cove::box {

using async::Task;

// The exit code of what a signal ended.
inline constexpr int kInterrupted = 130;

enum class Input {
  kTerminal,  // a pseudo terminal inside, this terminal in raw mode
  kStream,    // standard input as it comes
  kNothing,
};

// The command's exit code, as a shell gives it. A signal of `signals` goes to the command; the
// second one ends the wait with 130. `request`: who, what and where; how is decided here.
Task<Result<int>> RunHere(proto::toolbox::ToolboxClient& toolbox,
                          proto::toolbox::ExecRequest request, Input input,
                          async::Signals& signals);

}  // namespace cove::box
