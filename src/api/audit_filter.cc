#include "api/audit_filter.h"

#include <algorithm>

#include "api/sandbox_dto.h"
#include "base/text.h"
#include "policy/address.h"
#include "policy/host_name.h"
#include "policy/reason.h"

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

// One of `known`, or nothing when absent.
template <class Names>
Result<std::string> WordQuery(const Call& call, std::string_view name, const Names& known) {
  std::string text = QueryText(call, name);
  if (text.empty() || std::find(std::begin(known), std::end(known), text) != std::end(known)) {
    return text;
  }
  std::string all;
  for (const std::string_view one : known) all += (all.empty() ? "" : ", ") + std::string(one);
  return Error(Code::kInvalid, "there is no " + std::string(name) + " '" + text +
                                   "' in the audit; there are " + all);
}

// In the form in which records have it: a name, "*.name" for those below it, or an address. Rows
// of refused names have what was asked for, so it need not be a name that could be asked for.
Result<std::string> HostQuery(const Call& call) {
  const std::string text = QueryText(call, "host");
  if (text.empty()) return text;
  if (const auto address = policy::Address::Parse(text)) return address->ToString();
  const std::string star = text.starts_with("*.") ? "*." : "";
  auto host = policy::CanonicalHost(std::string_view(text).substr(star.size()));
  if (host) return star + *host;
  const auto wrong = [](unsigned char c) { return c <= ' ' || c == '/' || c == 0x7f; };
  if (std::any_of(text.begin(), text.end(), wrong)) {
    return std::move(host).error().Wrap("host must be a name, '*.name' or an address");
  }
  std::string plain = ToLower(text);
  if (plain.size() > 1 && plain.ends_with('.')) plain.pop_back();
  return plain;
}

// What a request is looked for by.
Result<void> ReadRequestParts(const Call& call, audit::Filter& out) {
  if (const std::string port = QueryText(call, "port"); !port.empty()) {
    const auto number = ParseInt<uint16_t>(port);
    if (!number || *number == 0) return Error(Code::kInvalid, "port must be from 1 to 65535");
    out.port = *number;
  }
  out.method = QueryText(call, "method");
  out.path = QueryText(call, "path");
  if (!out.path.empty() && !out.path.starts_with('/')) {
    return Error(Code::kInvalid, "path must begin with '/': all of it, or how it begins with '*'");
  }
  if (out.path.find('?') != std::string::npos) {
    return Error(Code::kInvalid, "path has no '?': records leave queries out");
  }
  return Ok();
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
    if (!out.kind)
      return Error(Code::kInvalid, "kind must be decision, close, oom, down or pruned");
  }
  if (out.since && out.until && out.since->micros >= out.until->micros) {
    return Error(Code::kInvalid, "since must be before until");
  }
  ASSIGN_OR_RETURN(out.host, HostQuery(call));
  ASSIGN_OR_RETURN(out.channel, WordQuery(call, "channel", audit::kChannels));
  ASSIGN_OR_RETURN(out.reason, WordQuery(call, "reason", policy::ReasonNames()));
  RETURN_IF_ERROR(ReadRequestParts(call, out));
  out.user = QueryText(call, "user");
  out.secret = QueryText(call, "secret");
  return out;
}

}  // namespace cove::api
