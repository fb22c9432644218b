// Rows of ai_call as values: the columns in one place. For call_log.cc and call_query.cc only.
#pragma once

#include "bridge/call_log.h"

namespace cove::bridge {

// As CallFromRow() reads them, for a SELECT.
const std::string& CallColumns();
Call CallFromRow(const store::Row& row);
// Writes the row, without an end where ended_at is not set; of one that is there and open, the end.
// 0: it has ended already.
Result<int64_t> PutRow(store::Db& db, const Call& call);

}  // namespace cove::bridge
