// The SQL of spending, for the writes in which a call ends and a budget begins. The database alone
// says what was spent; memory (budgets.h) only follows it.
// Thread: the store's.
#pragma once

#include "bridge/call_log.h"

namespace cove::bridge {

// The UTC day and month that `time` is in.
WallTime DayStart(WallTime time);
WallTime MonthStart(WallTime time);

// Adds `cost` to the spending of every budget that the call falls under, in the period in which the
// call began; gives their new sums.
Result<std::vector<Spent>> AddSpending(store::Db& db, const CallStart& start, WallTime started_at,
                                       Micros cost);
// Their sums as they are.
Result<std::vector<Spent>> ReadSpending(store::Db& db, const CallStart& start, WallTime started_at);

}  // namespace cove::bridge
