#include "bridge/call_log.h"

#include <algorithm>

#include "bridge/budget_rows.h"
#include "bridge/call_id.h"
#include "bridge/call_rows.h"

namespace cove::bridge {

std::string CallLog::NextId(WallTime now) {
  last_ = std::max(last_ + 1, CallNumber(now));
  return NewCallId(last_);
}

Task<Result<std::string>> CallLog::Begin(CallStart start) {
  Call call;
  call.started_at = WallNow();
  call.id = NextId(call.started_at);
  call.start = std::move(start);
  std::string id = call.id;
  CO_RETURN_IF_ERROR(
      co_await store_.Write([call = std::move(call)](store::Db& db) { return PutRow(db, call); },
                            store::Durability::kProcess));
  co_return id;
}

Task<Result<std::string>> CallLog::AddRefused(Call call) {
  call.started_at = WallNow();
  call.ended_at = call.started_at;
  call.id = NextId(call.started_at);
  std::string id = call.id;
  CO_RETURN_IF_ERROR(
      co_await store_.Write([call = std::move(call)](store::Db& db) { return PutRow(db, call); },
                            store::Durability::kProcess));
  co_return id;
}

Task<Result<std::vector<Spent>>> CallLog::Finish(Call call, Said said) {
  call.ended_at = WallNow();
  // All the work on the store's thread: long texts are read for secrets.
  auto end = [call = std::move(call), said = std::move(said),
              mode = texts_](store::Db& db) mutable -> Result<std::vector<Spent>> {
    said = KeptOf(mode, std::move(said));
    ASSIGN_OR_RETURN(const int64_t ended, PutRow(db, call));
    if (ended == 0) return std::vector<Spent>();
    RETURN_IF_ERROR(InsertSaid(db, CallNumber(call.id), said));
    const bool priced = call.charge.basis != CostBasis::kUnpriced;
    return AddSpending(db, call.start, call.started_at, priced ? call.charge.cost : 0);
  };
  co_return co_await store_.Write(std::move(end), store::Durability::kProcess);
}

Task<Result<std::vector<Call>>> CallLog::ListOpen() {
  co_return co_await store_.Read([](store::Db& db) -> Result<std::vector<Call>> {
    ASSIGN_OR_RETURN(const store::Rows rows,
                     db.Query("SELECT " + CallColumns() +
                              " FROM ai_call WHERE ended_at IS NULL ORDER BY n"));
    std::vector<Call> out;
    for (const store::Row& row : rows) out.push_back(CallFromRow(row));
    return out;
  });
}

Task<Result<Said>> CallLog::ReadSaid(OrgId org, std::optional<std::string> user,
                                     std::string call_id) {
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
