#include "api/audit_filter.h"

#include "api/sandbox_dto.h"

namespace cove::api {
namespace {

constexpr size_t kIdChars = 36;      // as NewUuid writes them
constexpr size_t kShortIdChars = 8;  // what lists show of one

// Whether ids of sandboxes, deleted ones too, may begin so.
bool BeginsAnId(std::string_view text) {
  if (text.size() < kShortIdChars || text.size() > kIdChars) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const std::string_view fits = dash ? "-" : "0123456789abcdef";
    if (fits.find(text[i]) == std::string_view::npos) return false;
  }
  return true;
}

std::string QueryText(const Call& call, std::string_view name) {
  return call.request().Query(name).value_or("");
}

// True for `yes`, false for `no`, nothing when absent.
Result<std::optional<bool>> ChoiceQuery(const Call& call, std::string_view name,
                                        std::string_view yes, std::string_view no) {
  const std::string text = QueryText(call, name);
  if (text.empty()) return std::optional<bool>();
  if (text != yes && text != no) {
    return Error(Code::kInvalid, std::string(name) + " must be '" + std::string(yes) + "' or '" +
                                     std::string(no) + "'");
  }
  return std::optional<bool>(text == yes);
}

}  // namespace

Result<std::optional<WallTime>> TimeQuery(const Call& call, std::string_view name) {
  const std::string text = QueryText(call, name);
  if (text.empty()) return std::optional<WallTime>();
  const auto time = ParseIso(text);
  if (!time) {
    return Error(Code::kInvalid, std::string(name) + " must be a time like 2026-11-21T01:02:03Z");
  }
  return std::optional<WallTime>(*time);
}

Result<SandboxId> SandboxQuery(const Call& call) {
  const std::string text = QueryText(call, "sandboxId");
  if (text.empty()) return SandboxId();
  auto sandbox = call.deps().sandboxes->Get(call.caller().org, text);
  if (sandbox) return sandbox->id;
  if (!IsAdmin(call)) return std::move(sandbox).error();
  if (BeginsAnId(text) && text.size() == kIdChars) return SandboxId(text);
  return Error(Code::kNotFound, sandbox.error().message() +
                                    ": a deleted one is named by its id, as its rows show it");
}

Result<audit::Filter> AuditFilter(const Call& call) {
  audit::Filter out;
  auto sandbox = SandboxQuery(call);
  const std::string asked = QueryText(call, "sandboxId");
  if (sandbox) {
    out.sandbox = *std::move(sandbox);
  } else if (IsAdmin(call) && BeginsAnId(asked)) {
    out.sandbox_prefix = asked;
  } else {
    return std::move(sandbox).error();
  }
  if (out.sandbox.empty() && !IsAdmin(call)) {
    return Error(Code::kInvalid, "the query parameter 'sandboxId' is missing");
  }
  ASSIGN_OR_RETURN(out.since, TimeQuery(call, "since"));
  ASSIGN_OR_RETURN(out.until, TimeQuery(call, "until"));
  ASSIGN_OR_RETURN(out.allow, ChoiceQuery(call, "verdict", "allow", "deny"));
  const std::string kind = QueryText(call, "kind");
  if (!kind.empty()) {
    out.kind = audit::KindOf(kind);
    if (!out.kind) return Error(Code::kInvalid, "kind must be 'decision', 'close' or 'oom'");
  }
  out.host = QueryText(call, "host");
  out.reason = QueryText(call, "reason");
  return out;
}

}  // namespace cove::api
