#include "bridge/call_log.h"

#include <algorithm>

#include "bridge/call_id.h"
#include "bridge/call_rows.h"
#include "bridge/call_writer.h"

namespace cove::bridge {

std::string CallLog::NextId(WallTime now) {
  last_ = std::max(last_ + 1, CallNumber(now));
  return NewCallId(last_);
}

CallLog::CallLog(store::Store& store, TextMode texts)
    : store_(store), writer_(std::make_unique<CallWriter>(store, texts)) {}
CallLog::~CallLog() = default;

Task<Result<void>> CallLog::Recover(std::string folder) {
  CO_RETURN_IF_ERROR(co_await writer_->Recover(std::move(folder)));
  CO_ASSIGN_OR_RETURN(last_, co_await store_.Read([](store::Db& db) -> Result<int64_t> {
    ASSIGN_OR_RETURN(const auto rows, db.Query("SELECT COALESCE(MAX(n), 0) FROM ai_call"));
    return rows[0][0].Int();
  }));
  co_return Ok();
}

Task<Result<Call>> CallLog::Begin(CallStart start) {
  Call call;
  call.started_at = WallNow();
  call.id = NextId(call.started_at);
  call.start = std::move(start);
  CO_RETURN_IF_ERROR(co_await writer_->Begin(call));
  co_return call;
}

Task<Result<std::string>> CallLog::AddRefused(Call call) {
  call.started_at = WallNow();
  call.ended_at = call.started_at;
  call.id = NextId(call.started_at);
  std::string id = call.id;
  CO_RETURN_IF_ERROR(co_await writer_->End(std::move(call), {}, When::kSoon));
  co_return id;
}

Task<Result<std::vector<Spent>>> CallLog::Finish(Call call, Said said, When when) {
  call.ended_at = WallNow();
  return writer_->End(std::move(call), std::move(said), when);
}

Task<void> CallLog::Flush() { return writer_->Flush(); }

Task<Result<std::vector<Call>>> CallLog::ListOpen() {
  co_await Flush();
  co_return co_await store_.Read([](store::Db& db) -> Result<std::vector<Call>> {
    ASSIGN_OR_RETURN(
        const store::Rows rows,
        db.Query("SELECT " + CallColumns() + " FROM ai_call WHERE ended_at IS NULL ORDER BY n"));
    std::vector<Call> out;
    for (const store::Row& row : rows) out.push_back(CallFromRow(row));
    return out;
  });
}

Task<Result<Said>> CallLog::ReadSaid(OrgId org, std::optional<std::string> user,
                                     std::string call_id) {
  co_await Flush();
  co_return co_await store_.Read(
      [org, user, id = std::move(call_id)](store::Db& db) -> Result<Said> {
        const int64_t number = CallNumber(id);
        ASSIGN_OR_RETURN(
            const auto rows,
            db.Query("SELECT user_id FROM ai_call WHERE n = $1 AND id = $2 AND org_id = $3 "
                     "AND ended_at IS NOT NULL",
                     {number, id, org}));
        if (rows.empty() || (user && rows[0][0].Text() != *user)) {
          return Error(Code::kNotFound, "nothing is kept of the model call " + id);
        }
        return bridge::ReadSaid(db, number);
      });
}

}  // namespace cove::bridge
