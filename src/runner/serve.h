// The programs of this room. Each runs until it is done and gives the process's exit code.
#pragma once

#include <string>
#include <vector>

namespace cove::runner {

// `cove serve [--listen HOST:PORT] [--data DIR] [--config FILE] [--store URL]`: the runner.
// Root only. What it does not use itself (--config, --store) it hands to the front.
int ServeMain(const std::vector<std::string>& args);

// `cove worker JOB`: one disposable job on files that a sandbox wrote; internal.
int WorkerMain(const std::vector<std::string>& args);

}  // namespace cove::runner
