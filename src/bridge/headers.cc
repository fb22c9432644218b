#include "bridge/headers.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "json/json.h"

namespace cove::bridge {

namespace {

constexpr std::array<std::string_view, 10> kConnectionOnly = {"connection",
                                                              "keep-alive",
                                                              "proxy-authenticate",
                                                              "proxy-authorization",
                                                              "proxy-connection",
                                                              "te",
                                                              "trailer",
                                                              "transfer-encoding",
                                                              "upgrade",
                                                              "expect"};

// The last two are of a signature by the agent's own AWS key.
constexpr std::array<std::string_view, 10> kNotUpstream = {
    "host",       "content-length",      "accept-encoding",     "cookie",
    "forwarded",  "x-forwarded-for",     "openai-organization", "openai-project",
    "x-amz-date", "x-amz-content-sha256"};

constexpr std::array<std::string_view, 14> kCredentialWords = {
    "auth",  "key",    "token", "secret", "cookie",     "credential",   "signature",
    "passw", "bearer", "jwt",   "csrf",   "account-id", "subscription", "principal"};
constexpr std::array<std::string_view, 4> kCredentialNames = {"sig", "pat", "pass", "code"};
// These name a request and open nothing.
constexpr std::array<std::string_view, 2> kNoCredentials = {"idempotency-key", "x-idempotency-key"};
constexpr std::array<std::string_view, 4> kSchemes = {"bearer ", "basic ", "digest ", "negotiate "};

constexpr std::array<std::string_view, 3> kFraming = {"host", "content-length", "accept-encoding"};
constexpr std::array<std::string_view, 2> kNotDownstream = {"set-cookie", "alt-svc"};

template <size_t N>
bool Contains(const std::array<std::string_view, N>& list, std::string_view name) {
  return std::any_of(list.begin(), list.end(),
                     [&](std::string_view known) { return EqualsIgnoreCase(known, name); });
}

// What the Connection field itself names is for one connection too. Views into `headers`.
std::vector<std::string_view> NamedByConnection(const http::Headers& headers) {
  std::vector<std::string_view> out;
  for (const auto& [name, value] : headers) {
    if (!EqualsIgnoreCase(name, "connection")) continue;
    for (const std::string_view token : Split(value, ',')) out.push_back(Trim(token));
  }
  return out;
}

bool HasScheme(std::string_view value) {
  const std::string lower = ToLower(value.substr(0, 16));
  return std::any_of(kSchemes.begin(), kSchemes.end(),
                     [&](std::string_view scheme) { return lower.starts_with(scheme); });
}

bool IsOneOf(const std::vector<std::string_view>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view known) { return EqualsIgnoreCase(known, name); });
}

}  // namespace

http::Headers UpstreamHeaders(const http::Headers& from_agent, const Provider& provider,
                              const ProviderKey* key) {
  const auto named = NamedByConnection(from_agent);
  http::Headers out;
  for (const auto& [name, value] : from_agent) {
    if (Contains(kConnectionOnly, name) || Contains(kNotUpstream, name)) continue;
    if (key != nullptr && (IsCredential(name) || HasScheme(value))) continue;
    if (IsOneOf(named, name)) continue;
    if (provider.headers.Has(name)) continue;
    out.Add(name, value);
  }
  for (const auto& [name, value] : provider.headers) out.Add(name, value);
  if (key == nullptr) return out;
  if (provider.kind == ProviderKind::kAnthropic) {
    out.Add("x-api-key", key->secret.Reveal());
  } else if (key->access_key_id.empty()) {
    out.Add("Authorization", "Bearer " + key->secret.Reveal());
  }
  if (!provider.account.empty()) out.Add("ChatGPT-Account-ID", provider.account);
  return out;
}

bool IsCredential(std::string_view name) {
  if (Contains(kNoCredentials, name)) return false;
  const std::string lower = ToLower(name);
  return Contains(kCredentialNames, name) ||
         std::any_of(kCredentialWords.begin(), kCredentialWords.end(),
                     [&](std::string_view word) { return lower.find(word) != lower.npos; });
}

std::string WithoutCredentials(std::string_view target) {
  const size_t query = target.find('?');
  if (query == target.npos) return std::string(target);
  std::string out(target.substr(0, query));
  char before = '?';
  for (std::string_view left = target.substr(query + 1);;) {
    // Some servers take ';' between parameters, too.
    const size_t end = left.find_first_of("&;");
    const std::string_view parameter = left.substr(0, end);
    const auto name = PercentDecode(parameter.substr(0, parameter.find('=')));
    if (name && !IsCredential(*name)) {
      out += before;
      out += parameter;
      before = end == left.npos ? '&' : left[end];
    }
    if (end == left.npos) return out;
    left.remove_prefix(end + 1);
  }
}

bool HasCredentials(const http::Headers& from_agent) {
  return from_agent.Has("authorization") || from_agent.Has("x-api-key") ||
         from_agent.Has("api-key");
}

bool IsFieldForProviders(std::string_view name, std::string_view value) {
  const bool named = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
  const bool valued = !value.empty() && std::all_of(value.begin(), value.end(),
                                                    [](char c) { return c >= 0x20 && c < 0x7f; });
  return named && valued && !Contains(kConnectionOnly, name) && !Contains(kFraming, name);
}

http::Headers DownstreamHeaders(const http::Headers& from_provider) {
  const auto named = NamedByConnection(from_provider);
  http::Headers out;
  for (const auto& [name, value] : from_provider) {
    if (Contains(kConnectionOnly, name) || Contains(kNotDownstream, name)) continue;
    if (IsOneOf(named, name)) continue;
    out.Add(name, value);
  }
  return out;
}

AgentNames ReadAgentNames(const http::Headers& headers) {
  auto get = [&](std::string_view name) { return std::string(headers.Get(name).value_or("")); };
  AgentNames out;
  out.client = get("user-agent");
  out.session = get("session-id");
  if (out.session.empty()) out.session = get("session_id");
  if (out.session.empty()) out.session = get("x-claude-code-session-id");
  out.thread = get("thread-id");
  const auto metadata = headers.Get("x-codex-turn-metadata");
  if (!metadata) return out;
  if (auto turn = json::ParseObject(*metadata)) {
    out.turn = json::GetString(*turn, "turn_id").value_or("");
    if (out.thread.empty()) out.thread = json::GetString(*turn, "thread_id").value_or("");
    if (out.session.empty()) out.session = json::GetString(*turn, "session_id").value_or("");
  }
  return out;
}

std::string ProviderRequestId(const http::Headers& from_provider) {
  for (const char* name : {"x-request-id", "request-id", "x-amzn-requestid"}) {
    if (const auto id = from_provider.Get(name)) return std::string(*id);
  }
  return {};
}

}  // namespace cove::bridge
