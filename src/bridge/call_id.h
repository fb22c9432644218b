// Numbers and ids of model calls. Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace cove::bridge {

// The number of a call is its start in 4096ths of a millisecond since 1970, which tell microseconds
// apart: rows lie in the order of their calls, one commit of many calls writes few pages, and what
// is asked by time is found by number. Its id is a UUID of version 7 (RFC 9562 sections 5.7 and
// 6.2, method 3), which begins with the number; the rest is random.
//
// The number of a call that began then; calls that began later have greater ones.
int64_t CallNumber(WallTime start);
// Of an id; -1: it is none.
int64_t CallNumber(std::string_view id);
std::string NewCallId(int64_t number);

}  // namespace cove::bridge
