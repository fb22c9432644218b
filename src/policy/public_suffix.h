// A list that keeps wide rules from meaning more than their author thinks.
// Thread: pure function over canonical host names.
#pragma once

#include <string_view>

namespace cove::policy {

// Whether anybody can get a name directly below `suffix` ("com", "co.uk", "github.io"): a
// wildcard there would allow strangers. The Public Suffix List as the system has it, with its
// private part, and a few hosts more.
bool IsPublicSuffix(std::string_view suffix);

}  // namespace cove::policy
