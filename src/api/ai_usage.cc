// /api/ai/calls: the model calls, one by one; /api/ai/usage: their sums. As JSON, CSV or NDJSON.
#include <algorithm>

#include "api/audit_filter.h"
#include "api/routes.h"
#include "base/text.h"
#include "bridge/call_json.h"

namespace cove::api {
namespace {

constexpr size_t kGroupsMax = 3;

enum class Format { kJson, kCsv, kNdjson };

Result<Format> FormatOf(const Call& call) {
  const std::string name = call.request().Query("format").value_or("json");
  if (name == "json") return Format::kJson;
  if (name == "csv") return Format::kCsv;
  if (name == "ndjson") return Format::kNdjson;
  return Error(Code::kInvalid, "format must be 'json', 'csv' or 'ndjson'");
}

// Administrators may ask for everything; others for one sandbox, or for their own calls.
Result<bridge::CallFilter> CallFilterOf(const Call& call) {
  const auto text = [&call](std::string_view name) {
    return call.request().Query(name).value_or("");
  };
  bridge::CallFilter out;
  out.org = call.caller().org;
  ASSIGN_OR_RETURN(out.sandbox, SandboxQuery(call));
  ASSIGN_OR_RETURN(out.since, TimeQuery(call, "since"));
  ASSIGN_OR_RETURN(out.until, TimeQuery(call, "until"));
  out.user = text("userId");
  out.template_name = text("template");
  out.model = text("model");
  out.provider = text("provider");
  out.outcome = text("outcome");
  if (!IsAdmin(call) && out.sandbox.empty()) {
    if (!out.user.empty() && out.user != call.caller().user) {
      return Error(Code::kDenied, "only an administrator's key may ask for the calls of others");
    }
    out.user = call.caller().user;
  }
  return out;
}

// The number of calls wanted; 0: not said.
Result<int> LimitOf(const Call& call) {
  const auto text = call.request().Query("limit");
  if (!text || text->empty()) return 0;
  const auto limit = ParseInt<int>(*text);
  if (!limit || *limit < 1 || *limit > bridge::CallLog::kPageMax) {
    return Error(Code::kInvalid,
                 "limit must be a number from 1 to " + std::to_string(bridge::CallLog::kPageMax));
  }
  return *limit;
}

http::ResponseHead HeadOf(Format format, std::string_view name) {
  http::ResponseHead head;
  if (format == Format::kCsv) {
    head.headers.Add("Content-Type", "text/csv; charset=utf-8");
    head.headers.Add("Content-Disposition",
                     "attachment; filename=\"cove-" + std::string(name) + ".csv\"");
  } else {
    head.headers.Add("Content-Type", "application/x-ndjson");
  }
  return head;
}

std::string Lines(const std::vector<bridge::Call>& calls, Format format) {
  std::string out;
  for (const bridge::Call& row : calls) {
    out += format == Format::kCsv ? bridge::CsvLine(row) : json::Write(bridge::ToJson(row)) + "\n";
  }
  return out;
}

// All that match, page by page: the server holds one page at a time.
Task<Result<void>> Export(Call& call, bridge::CallFilter filter, Format format) {
  bridge::CallLog& log = call.deps().books->log();
  filter.limit = bridge::CallLog::kPageMax;
  CO_ASSIGN_OR_RETURN(auto calls, co_await log.List(filter));
  CO_ASSIGN_OR_RETURN(http::BodyWriter * out,
                      co_await call.exchange().StartResponse(HeadOf(format, "calls")));
  if (format == Format::kCsv) CO_RETURN_IF_ERROR(co_await out->Write(bridge::CallCsvHead()));
  while (!calls.empty()) {
    CO_RETURN_IF_ERROR(co_await out->Write(Lines(calls, format)));
    filter.before_id = calls.back().id;
    CO_ASSIGN_OR_RETURN(calls, co_await log.List(filter));
  }
  co_return co_await out->Finish();
}

Task<Result<void>> Calls(Call& call) {
  CO_ASSIGN_OR_RETURN(const Format format, FormatOf(call));
  CO_ASSIGN_OR_RETURN(bridge::CallFilter filter, CallFilterOf(call));
  CO_ASSIGN_OR_RETURN(const int limit, LimitOf(call));
  if (format != Format::kJson && limit == 0) {
    co_return co_await Export(call, std::move(filter), format);
  }
  if (limit > 0) filter.limit = limit;
  filter.before_id = call.request().Query("cursor").value_or("");
  CO_ASSIGN_OR_RETURN(const auto calls, co_await call.deps().books->log().List(filter));
  if (format != Format::kJson) {
    const std::string head = format == Format::kCsv ? bridge::CallCsvHead() : "";
    co_return co_await call.exchange().Respond(HeadOf(format, "calls"),
                                               head + Lines(calls, format));
  }
  json::Array items;
  for (const bridge::Call& row : calls) items.emplace_back(bridge::ToJson(row));
  json::Object body;
  const bool full = static_cast<int>(calls.size()) == filter.limit;
  body["nextCursor"] = full ? json::Value(calls.back().id) : json::Value(nullptr);
  body["items"] = std::move(items);
  co_return co_await call.Reply(200, body);
}

Result<std::vector<bridge::Group>> GroupsOf(const Call& call) {
  std::vector<bridge::Group> out;
  const std::string text = call.request().Query("by").value_or("model");
  for (const std::string_view name : Split(text, ',')) {
    const auto group = bridge::ParseGroup(Trim(name));
    if (!group) {
      return Error(Code::kInvalid,
                   "by is a list of day, sandbox, user, key, template, provider and model");
    }
    out.push_back(*group);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  if (out.size() > kGroupsMax) {
    return Error(Code::kInvalid, "by takes at most " + std::to_string(kGroupsMax) + " names");
  }
  return out;
}

Task<Result<void>> Usage(Call& call) {
  CO_ASSIGN_OR_RETURN(const Format format, FormatOf(call));
  CO_ASSIGN_OR_RETURN(const bridge::CallFilter filter, CallFilterOf(call));
  CO_ASSIGN_OR_RETURN(const auto groups, GroupsOf(call));
  bridge::CallLog& log = call.deps().books->log();
  CO_ASSIGN_OR_RETURN(const auto sums, co_await log.Sum(filter, groups));
  if (format != Format::kJson) {
    std::string text = format == Format::kCsv ? bridge::TotalsCsvHead(groups) : "";
    for (const bridge::Totals& sum : sums) {
      text += format == Format::kCsv ? bridge::CsvLine(sum)
                                     : json::Write(bridge::ToJson(sum, groups)) + "\n";
    }
    co_return co_await call.exchange().Respond(HeadOf(format, "usage"), std::move(text));
  }
  CO_ASSIGN_OR_RETURN(const auto total, co_await log.Sum(filter, {}));
  json::Array items;
  for (const bridge::Totals& sum : sums) items.emplace_back(bridge::ToJson(sum, groups));
  json::Object body;
  body["items"] = std::move(items);
  body["total"] = bridge::ToJson(total.empty() ? bridge::Totals{} : total.front(), {});
  body["truncated"] = sums.size() >= static_cast<size_t>(bridge::CallLog::kGroupsMax);
  co_return co_await call.Reply(200, body);
}

}  // namespace

void AddAiUsageRoutes(Routes& routes) {
  routes.Add("GET", "/api/ai/calls", &Calls);
  routes.Add("GET", "/api/ai/usage", &Usage);
}

}  // namespace cove::api
