// The two books as rows for the API: egress decisions and model calls.
// Thread: loop-confined; what is passed must outlive the tasks.
#pragma once

#include "api/api.h"
#include "audit/log.h"
#include "bridge/call_log.h"

namespace cove::front {

using async::Task;

// Records of the sandbox asked for, or of all.
Task<Result<json::Array>> AuditRows(audit::Log& log, async::ThreadPool& pool, api::RowsQuery query);
Task<Result<json::Array>> UsageRows(bridge::CallLog& log, api::RowsQuery query);

}  // namespace cove::front
