#include "front/rows.h"

#include <algorithm>

#include "audit/history.h"
#include "bridge/call_json.h"

namespace cove::front {
namespace {

// As in the file (docs/formats/audit.md), without the chain.
Result<json::Object> RowOf(const audit::Record& record) {
  ASSIGN_OR_RETURN(json::Object row, json::ParseObject(audit::WriteLine(record, {})));
  row.erase("prev");
  return row;
}

}  // namespace

Task<Result<json::Array>> AuditRows(audit::Log& log, async::ThreadPool& pool,
                                    api::RowsQuery query) {
  Result<std::vector<audit::Record>> records = Error(Code::kInternal, "not read");
  if (query.sandbox.empty()) {
    records = co_await async::Offload(pool, [directory = log.directory(), n = query.limit] {
      return audit::ReadTail(directory, n, "", [](const audit::Record&) { return true; });
    });
  } else {
    records = co_await log.Tail(query.sandbox, query.limit);
  }
  if (!records) co_return std::move(records).error().Wrap("read the audit");
  json::Array rows;
  for (const audit::Record& record : *records) {
    CO_ASSIGN_OR_RETURN(json::Object row, RowOf(record));
    rows.push_back(std::move(row));
  }
  co_return rows;
}

Task<Result<json::Array>> UsageRows(bridge::CallLog& log, api::RowsQuery query) {
  bridge::CallFilter filter;
  filter.org = query.org;
  filter.sandbox = query.sandbox;
  filter.limit = static_cast<int>(std::min<size_t>(query.limit, size_t{bridge::CallLog::kPageMax}));
  co_return co_await bridge::CallRows(log, std::move(filter));
}

}  // namespace cove::front
