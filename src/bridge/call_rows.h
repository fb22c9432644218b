// Rows of ai_call as values: the columns in one place. For call_log.cc and call_query.cc only.
#pragma once

#include "bridge/call_log.h"

namespace cove::bridge {

extern const std::string_view kCallColumns;
Call CallFromRow(const store::Row& row);

}  // namespace cove::bridge
