#include "front/rows.h"

#include <algorithm>

#include "bridge/call_json.h"

namespace cove::front {
Task<Result<json::Array>> UsageRows(bridge::CallLog& log, api::RowsQuery query) {
  bridge::CallFilter filter;
  filter.org = query.org;
  filter.sandbox = query.sandbox;
  filter.limit = static_cast<int>(std::min<size_t>(query.limit, size_t{bridge::CallLog::kPageMax}));
  co_return co_await bridge::CallRows(log, std::move(filter));
}

}  // namespace cove::front
