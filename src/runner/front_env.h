// The environment that the front gets: what it needs of the runner's, and nothing else. Provider
// keys go to the front only. Pure.
#pragma once

#include <string>
#include <vector>

namespace cove::runner {

// `environ`: "NAME=value" texts. `store_url` goes in as COVE_STORE: it may hold a password, which
// must not stand in a command line.
std::vector<std::string> FrontEnvironment(const std::vector<std::string>& environ,
                                          const std::string& store_url);

}  // namespace cove::runner
