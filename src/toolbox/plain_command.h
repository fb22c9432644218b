// A command text that has nothing for a shell to do is executed without one: "npm test" is then the
// same as `bash -c "npm test"`, which ends by executing npm in its own place, without the
// half a millisecond that bash takes to begin.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cove::toolbox {

// The words of `text`, if a shell would do nothing but look up the first one in PATH and execute
// it: no quotes, expansions, operators or assignments, no builtin, keyword or function, and no
// variable in `env` ("NAME=value") that tells bash to do more. Whether that program exists is not
// asked here.
std::optional<std::vector<std::string>> PlainWords(std::string_view text,
                                                   const std::vector<std::string>& env);

// Where the program of the first word may be: in the PATH of `env`; but of a builtin that has a
// twin among the programs (echo) only where that is, since no other program goes before a builtin.
std::vector<std::string> PlacesOf(const std::string& word, const std::vector<std::string>& env);

}  // namespace cove::toolbox
