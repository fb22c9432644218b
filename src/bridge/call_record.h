// A call that has begun, as one text for the journal (store/journal.h): what its row needs, and
// nothing of its body. Read by the same or a later version of Cove only. Thread: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bridge/call_log.h"

namespace cove::bridge {

// Of the call's id, start and started_at. Into `out`, whose memory may be used again.
void WriteRecord(const Call& call, std::string& out);
// Nothing: it is no such text, or of a version that is not known here.
std::optional<Call> ReadRecord(std::string_view record);

}  // namespace cove::bridge
