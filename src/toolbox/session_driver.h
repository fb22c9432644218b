// The program that the shell of a session runs: it takes the number of a command from a descriptor,
// reads the command's text from a file, evaluates it with the command's FIFOs as stdin, stdout and
// stderr, and reports the exit status on another descriptor. The command is evaluated by the shell
// itself, so that exports, functions and the working directory last.
// See docs/decisions/0031-sessions-are-one-shell.md.
#pragma once

#include <string>

namespace cove::toolbox {

struct SessionDriver {
  std::string text;    // for `SHELL -c`
  int control_fd = 0;  // the shell reads "N\n"
  int status_fd = 0;   // the shell writes "N STATUS\n"
};

// `folder` holds cN (text), iN, oN and eN of each command N.
SessionDriver MakeSessionDriver(const std::string& shell, const std::string& folder);

}  // namespace cove::toolbox
