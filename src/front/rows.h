// Model calls as rows for the API.
// Thread: loop-confined; what is passed must outlive the tasks.
#pragma once

#include "api/api.h"
#include "bridge/call_log.h"

namespace cove::front {

using async::Task;

Task<Result<json::Array>> UsageRows(bridge::CallLog& log, api::RowsQuery query);

}  // namespace cove::front
