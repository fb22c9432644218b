// Other runtimes are started as programs. Commands are split at blanks and have no quoting: a
// shell's start would be counted. Thread: any.
#pragma once

#include <string>

#include "harness.h"

namespace cove::bench {

// Milliseconds from the start of `command` to the first byte of its output; then waits for its end.
double FirstByte(const std::string& command);
// Milliseconds from its start to its end, which must be with exit code 0.
double WholeRun(const std::string& command);

// The options' peers as contestants, each measured by `measure`.
std::vector<Contestant> Peers(const Options& options, double (*measure)(const std::string&));

}  // namespace cove::bench
