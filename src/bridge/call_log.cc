#include "bridge/call_log.h"

#include <algorithm>

#include "base/text.h"
#include "bridge/budget_rows.h"
#include "bridge/call_id.h"
#include "bridge/call_rows.h"

namespace cove::bridge {

namespace {

// Valid UTF-8 is what a text column holds; a name that is not plain ASCII is not one of ours.
std::string CutName(std::string text) {
  if (text.size() > CallLog::kNameBytesMax) text.resize(CallLog::kNameBytesMax);
  std::replace_if(text.begin(), text.end(), [](char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

store::Params EndParams(const Call& call) {
  const CallEnd& end = call.end;
  const Charge& charge = call.charge;
  const Price price = charge.price.value_or(Price{});
  const bool priced = charge.price.has_value();
  auto rate = [priced](Micros micros) { return priced ? store::Value(micros) : store::Value(); };
  return {CallNumber(call.id),
          WallNow(),
          OutcomeName(end.outcome),
          end.status,
          end.first_byte ? store::Value(end.first_byte->count()) : store::Value(),
          end.duration.count(),
          end.response_bytes,
          end.usage.known,
          end.usage.input,
          end.usage.cached,
          end.usage.cache_write,
          end.usage.output,
          end.usage.reasoning,
          CutName(end.response_id),
          CutName(end.request_id),
          BasisName(charge.basis),
          charge.basis == CostBasis::kUnpriced ? store::Value() : store::Value(charge.cost),
          priced ? store::Value(price.from) : store::Value(),
          rate(price.input),
          rate(price.cached),
          rate(price.cache_write),
          rate(price.output),
          call.start.provider,
          CutName(call.start.fallback_from),
          end.key_hint,
          end.usage.cache_write_1h,
          end.usage.web_searches,
          rate(price.cache_write_1h),
          rate(price.web_search)};
}

}  // namespace

Task<Result<std::string>> CallLog::Begin(CallStart start) {
  const WallTime now = WallNow();
  last_ = std::max(last_ + 1, CallNumber(now));
  std::string id = NewCallId(last_);
  store::Params params = {last_,
                          id,
                          start.org,
                          start.sandbox,
                          CutName(std::move(start.user)),
                          CutName(std::move(start.template_name)),
                          start.key_id,
                          start.token_id,
                          start.provider,
                          start.api,
                          CutName(std::move(start.model)),
                          start.stream,
                          CutName(std::move(start.client)),
                          CutName(std::move(start.session)),
                          CutName(std::move(start.thread)),
                          CutName(std::move(start.turn)),
                          start.request_bytes,
                          now};
  CO_RETURN_IF_ERROR(co_await store_.Write(
      [params = std::move(params)](store::Db& db) {
        return db.Run(
            "INSERT INTO ai_call (n, id, org_id, sandbox_id, user_id, template, key_id, token_id, "
            "provider, api, model, stream, client, session, thread, turn, request_bytes, "
            "started_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, "
            "$15, $16, $17, $18)",
            params);
      },
      store::Durability::kProcess));
  co_return id;
}

Task<Result<std::vector<Spent>>> CallLog::Finish(Call call, Said said) {
  // All the work on the store's thread: long texts are read for secrets.
  auto end = [call = std::move(call), said = std::move(said),
              mode = texts_](store::Db& db) mutable -> Result<std::vector<Spent>> {
    said = KeptOf(mode, std::move(said));
    ASSIGN_OR_RETURN(
        const int64_t ended,
        db.Run("UPDATE ai_call SET ended_at = $2, outcome = $3, status = $4, "
               "first_byte_us = $5, duration_us = $6, response_bytes = $7, usage_known = $8, "
               "input_tokens = $9, cached_tokens = $10, cache_write_tokens = $11, "
               "output_tokens = $12, reasoning_tokens = $13, response_id = $14, "
               "request_id = $15, cost_basis = $16, cost = $17, price_from = $18, "
               "price_input = $19, price_cached = $20, price_cache_write = $21, "
               "price_output = $22, provider = $23, fallback_from = $24, key_hint = $25, "
               "cache_write_1h_tokens = $26, web_searches = $27, price_cache_write_1h = $28, "
               "price_web_search = $29 WHERE n = $1 AND ended_at IS NULL",
               EndParams(call)));
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
                     db.Query("SELECT " + std::string(kCallColumns) +
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
