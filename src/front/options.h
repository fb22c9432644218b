// The command line of `cove front`, which the runner writes. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "log/log.h"

namespace cove::front {

struct Options {
  std::string data;                     // --data DIR
  int config_fd = -1;                   // --config-fd N: the opened configuration file
  std::string config_name;              // --config-name NAME: for errors
  std::optional<log::Level> log_level;  // --log-level LEVEL: instead of the configuration's
  bool borrowed_images = false;         // --borrowed-images: those of another server's runner
  bool ephemeral = false;               // --ephemeral: no other front follows this one
  bool print_reference = false;         // --print-config-reference: do only that
};

Result<Options> ParseOptions(const std::vector<std::string>& args);

}  // namespace cove::front
