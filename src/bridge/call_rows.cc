#include "bridge/call_rows.h"

#include <algorithm>
#include <array>

#include "bridge/call_id.h"
#include "store/columns.h"

namespace cove::bridge {
namespace {

// Behind the call's number: first what is known when it begins, then what its end says.
constexpr std::string_view kColumns[] = {"id",
                                         "org_id",
                                         "sandbox_id",
                                         "user_id",
                                         "template",
                                         "key_id",
                                         "token_id",
                                         "provider",
                                         "api",
                                         "model",
                                         "stream",
                                         "client",
                                         "session",
                                         "thread",
                                         "turn",
                                         "request_bytes",
                                         "started_at",
                                         "ended_at",
                                         "outcome",
                                         "status",
                                         "first_byte_us",
                                         "duration_us",
                                         "response_bytes",
                                         "usage_known",
                                         "input_tokens",
                                         "cached_tokens",
                                         "cache_write_tokens",
                                         "output_tokens",
                                         "reasoning_tokens",
                                         "cache_write_1h_tokens",
                                         "web_searches",
                                         "response_id",
                                         "request_id",
                                         "fallback_from",
                                         "key_hint",
                                         "cost_basis",
                                         "cost",
                                         "price_from",
                                         "price_input",
                                         "price_cached",
                                         "price_cache_write",
                                         "price_output",
                                         "price_cache_write_1h",
                                         "price_web_search",
                                         "refusal"};
constexpr size_t kColumnCount = std::size(kColumns);
constexpr size_t kProviderAt = 7;  // who answered is known at the end
constexpr size_t kEndAt = 17;
constexpr size_t kPriceColumns = 7;
static_assert(kColumns[kProviderAt] == "provider" && kColumns[kEndAt] == "ended_at");

template <class Fn>
std::string Listed(Fn fn, size_t from = 0) {
  std::string out;
  for (size_t i = from; i < kColumnCount; ++i) out += (i == from ? "" : ", ") + fn(i);
  return out;
}

std::string Assignment(size_t i) {
  return std::string(kColumns[i]) + " = excluded." + std::string(kColumns[i]);
}

constexpr std::array<std::pair<Outcome, std::string_view>, 8> kOutcomes = {{
    {Outcome::kCompleted, "completed"},
    {Outcome::kFailed, "failed"},
    {Outcome::kRejected, "rejected"},
    {Outcome::kUnreachable, "unreachable"},
    {Outcome::kBroken, "broken"},
    {Outcome::kClientGone, "client_gone"},
    {Outcome::kAbandoned, "abandoned"},
    {Outcome::kRefused, "refused"},
}};

constexpr std::array<std::pair<CostBasis, std::string_view>, 4> kBases = {{
    {CostBasis::kUsage, "usage"},
    {CostBasis::kEstimated, "estimated"},
    {CostBasis::kNone, "none"},
    {CostBasis::kUnpriced, "unpriced"},
}};

template <class Table, class Value>
Value Parse(const Table& table, std::string_view name, Value otherwise) {
  for (const auto& [value, text] : table) {
    if (text == name) return value;
  }
  return otherwise;
}

template <class Table, class Value>
std::string_view Name(const Table& table, Value wanted) {
  for (const auto& [value, text] : table) {
    if (value == wanted) return text;
  }
  return "unknown";
}

// Valid UTF-8 is what a text column holds; a name that is not plain ASCII is not one of ours.
std::string CutName(std::string_view name) {
  std::string text(name.substr(0, CallLog::kNameBytesMax));
  std::replace_if(text.begin(), text.end(), [](char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

void PutStart(store::Params& out, const Call& call) {
  const CallStart& start = call.start;
  out.emplace_back(call.id);
  out.emplace_back(start.org);
  out.emplace_back(start.sandbox);
  out.emplace_back(CutName(start.user));
  out.emplace_back(CutName(start.template_name));
  out.emplace_back(start.key_id);
  out.emplace_back(start.token_id);
  out.emplace_back(CutName(start.provider));
  out.emplace_back(CutName(start.api));
  out.emplace_back(CutName(start.model));
  out.emplace_back(start.stream);
  out.emplace_back(CutName(start.client));
  out.emplace_back(CutName(start.session));
  out.emplace_back(CutName(start.thread));
  out.emplace_back(CutName(start.turn));
  out.emplace_back(start.request_bytes);
  out.emplace_back(call.started_at);
}

void PutEnd(store::Params& out, const Call& call) {
  const CallEnd& end = call.end;
  out.emplace_back(*call.ended_at);
  out.emplace_back(OutcomeName(end.outcome));
  out.emplace_back(end.status);
  out.push_back(end.first_byte ? store::Value(end.first_byte->count()) : store::Value());
  out.emplace_back(end.duration.count());
  out.emplace_back(end.response_bytes);
  out.emplace_back(end.usage.known);
  for (const int64_t count :
       {end.usage.input, end.usage.cached, end.usage.cache_write, end.usage.output,
        end.usage.reasoning, end.usage.cache_write_1h, end.usage.web_searches}) {
    out.emplace_back(count);
  }
  out.emplace_back(CutName(end.response_id));
  out.emplace_back(CutName(end.request_id));
  out.emplace_back(CutName(call.start.fallback_from));
  out.emplace_back(end.key_hint);
}

void PutCharge(store::Params& out, const Charge& charge) {
  const bool unpriced = charge.basis == CostBasis::kUnpriced;
  out.emplace_back(BasisName(charge.basis));
  out.push_back(unpriced ? store::Value() : store::Value(charge.cost));
  if (!charge.price) {
    out.resize(out.size() + kPriceColumns);
    return;
  }
  const Price& price = *charge.price;
  out.emplace_back(price.from);
  for (const Micros rate : {price.input, price.cached, price.cache_write, price.output,
                            price.cache_write_1h, price.web_search}) {
    out.emplace_back(rate);
  }
}

void ReadStart(store::Columns& row, Call& call) {
  CallStart& start = call.start;
  call.id = row.Text();
  start.org = OrgId(row.Text());
  start.sandbox = SandboxId(row.Text());
  start.user = row.Text();
  start.template_name = row.Text();
  start.key_id = row.Text();
  start.token_id = row.Text();
  start.provider = row.Text();
  start.api = row.Text();
  start.model = row.Text();
  start.stream = row.Flag();
  start.client = row.Text();
  start.session = row.Text();
  start.thread = row.Text();
  start.turn = row.Text();
  start.request_bytes = row.Int<uint64_t>();
  call.started_at = row.Time();
}

void ReadEnd(store::Columns& row, Call& call) {
  CallEnd& end = call.end;
  const store::Value& ended = row.Next();
  if (!ended.is_null()) call.ended_at = ended.Time();
  end.outcome = Parse(kOutcomes, row.Text(), Outcome::kAbandoned);
  end.status = row.Int<int>();
  const store::Value& first = row.Next();
  if (!first.is_null()) end.first_byte = microseconds(first.Int());
  end.duration = microseconds(row.Int());
  end.response_bytes = row.Int<uint64_t>();
  end.usage.known = row.Flag();
  end.usage.input = row.Int();
  end.usage.cached = row.Int();
  end.usage.cache_write = row.Int();
  end.usage.output = row.Int();
  end.usage.reasoning = row.Int();
  end.usage.cache_write_1h = row.Int();
  end.usage.web_searches = row.Int();
  end.response_id = row.Text();
  end.request_id = row.Text();
  call.start.fallback_from = row.Text();
  end.key_hint = row.Text();
}

void ReadCharge(store::Columns& row, Call& call) {
  Charge& charge = call.charge;
  // Rows from before there were prices have no basis.
  charge.basis = Parse(kBases, row.Text(), CostBasis::kUnpriced);
  charge.cost = row.Int();
  Price price;
  price.provider = call.start.provider;
  price.model = call.start.model;
  price.from = row.Text();
  price.input = row.Int();
  price.cached = row.Int();
  price.cache_write = row.Int();
  price.output = row.Int();
  price.cache_write_1h = row.Int();
  price.web_search = row.Int();
  if (!price.from.empty()) charge.price = std::move(price);
}

}  // namespace

const std::string& CallColumns() {
  static const std::string text = Listed([](size_t i) { return std::string(kColumns[i]); });
  return text;
}

Call CallFromRow(const store::Row& row) {
  Call call;
  store::Columns columns(row);
  ReadStart(columns, call);
  ReadEnd(columns, call);
  ReadCharge(columns, call);
  call.end.refusal = columns.Text();
  return call;
}

Result<int64_t> PutRow(store::Db& db, const Call& call) {
  static const std::string sql = "INSERT INTO ai_call (n, " + CallColumns() + ") VALUES ($1, " +
                                 Listed([](size_t i) { return "$" + std::to_string(i + 2); }) +
                                 ") ON CONFLICT (n) DO UPDATE SET " + Assignment(kProviderAt) +
                                 ", " + Listed(&Assignment, kEndAt) +
                                 " WHERE ai_call.ended_at IS NULL";
  store::Params params;
  params.reserve(kColumnCount + 1);
  params.emplace_back(CallNumber(call.id));
  PutStart(params, call);
  if (call.ended_at) {
    PutEnd(params, call);
    PutCharge(params, call.charge);
    params.emplace_back(call.end.refusal);
  }
  params.resize(kColumnCount + 1);  // null
  return db.Run(sql, std::move(params));
}

std::string_view OutcomeName(Outcome outcome) { return Name(kOutcomes, outcome); }
std::string_view BasisName(CostBasis basis) { return Name(kBases, basis); }

}  // namespace cove::bridge
