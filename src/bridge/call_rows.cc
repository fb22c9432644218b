#include "bridge/call_rows.h"

#include <array>

#include "store/columns.h"

namespace cove::bridge {
namespace {

constexpr std::array<std::pair<Outcome, std::string_view>, 6> kOutcomes = {{
    {Outcome::kCompleted, "completed"},
    {Outcome::kRejected, "rejected"},
    {Outcome::kUnreachable, "unreachable"},
    {Outcome::kBroken, "broken"},
    {Outcome::kClientGone, "client_gone"},
    {Outcome::kAbandoned, "abandoned"},
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
  const std::string from = row.Text();
  if (from.empty()) return;
  Price price;
  price.provider = call.start.provider;
  price.model = call.start.model;
  price.from = from;
  price.input = row.Int();
  price.cached = row.Int();
  price.cache_write = row.Int();
  price.output = row.Int();
  price.cache_write_1h = row.Int();
  price.web_search = row.Int();
  charge.price = std::move(price);
}

}  // namespace

const std::string_view kCallColumns =
    "id, org_id, sandbox_id, user_id, template, key_id, token_id, provider, api, model, stream, "
    "client, session, thread, turn, request_bytes, started_at, "
    "ended_at, outcome, status, first_byte_us, duration_us, response_bytes, usage_known, "
    "input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens, "
    "cache_write_1h_tokens, web_searches, response_id, request_id, fallback_from, key_hint, "
    "cost_basis, cost, price_from, price_input, price_cached, price_cache_write, price_output, "
    "price_cache_write_1h, price_web_search";

Call CallFromRow(const store::Row& row) {
  Call call;
  store::Columns columns(row);
  ReadStart(columns, call);
  ReadEnd(columns, call);
  ReadCharge(columns, call);
  return call;
}

std::string_view OutcomeName(Outcome outcome) { return Name(kOutcomes, outcome); }
std::string_view BasisName(CostBasis basis) { return Name(kBases, basis); }

}  // namespace cove::bridge
