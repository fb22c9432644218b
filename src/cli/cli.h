// The command line: every verb but `serve` and the internal ones. It talks to a server by HTTP and
// knows nothing of the machine.
//
// Exit codes: 0 done · 1 the operation failed · 2 wrong usage · 3 no server answers · 4 the key is
// missing or refused · 5 no such thing. `exec` gives the command's own code; 125 when the command
// could not be run or its output not be written, 130 after Ctrl-C. `codex PROMPT` gives 1 when the
// turn failed.
#pragma once

#include <string>
#include <vector>

namespace cove::cli {

// `args`: without the program's name.
int CliMain(const std::vector<std::string>& args);

}  // namespace cove::cli
