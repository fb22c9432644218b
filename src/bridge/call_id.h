// Ids of model calls. Thread: any.
#pragma once

#include <string>

namespace cove::bridge {

// A UUID of version 7 (RFC 9562 section 5.7): it begins with the time in milliseconds, so rows that
// are made at the same time lie together in the database's trees, and one commit of many calls
// writes few pages. The rest is random.
std::string NewCallId();

}  // namespace cove::bridge
