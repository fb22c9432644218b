// /api/policy/…: what sandboxes may reach, layer by layer, and why. Cove's own.
#include "api/policy_dto.h"
#include "api/routes.h"
#include "async/deadline.h"
#include "net/tls.h"
#include "policy/presets.h"

namespace cove::api {
namespace {

using control::PolicyKey;
using control::Sandbox;
using Scope = PolicyKey::Scope;

constexpr std::string_view kManage = "manage:policies";
constexpr std::string_view kWrite = identity::kWriteSandboxes;
constexpr Duration kLookUpTime = seconds(3);

template <Scope kScope>
PolicyKey KeyOf(Call& call) {
  if constexpr (kScope == Scope::kServer) return {kScope, {}, {}};
  if constexpr (kScope == Scope::kOrganization) return {kScope, call.caller().org, {}};
  return {kScope, call.caller().org, call.Param("name")};
}

// A document as JSON, or {"toml": "…"}.
Task<Result<std::string>> ReadPolicy(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  const json::Value* toml = json::Find(body, "toml");
  if (toml == nullptr) co_return json::Write(body);
  if (!toml->is_string() || body.size() != 1) {
    co_return Error(Code::kInvalid, "'toml' is one text, and the only field");
  }
  co_return std::string(toml->as_string());
}

// A template's policy may be there before the template is; that it is not there is told, for a
// name with a slip in it would hold for nothing. kInvalid: what is meant is not called so.
Result<std::optional<std::string>> TemplateWarning(Call& call, const PolicyKey& key) {
  const auto found = call.deps().sandboxes->GetSnapshot(key.org, key.name);
  if (found && found->name != key.name) {
    return Error(Code::kInvalid, "a template's policy goes by its name, which is '" + found->name +
                                     "', not by its id");
  }
  if (found || key.name == control::kHostSnapshot) return std::optional<std::string>();
  return std::optional<std::string>("there is no template '" + key.name +
                                    "' now: this holds for nothing until one is made of that "
                                    "name, but for what was made of an earlier one");
}

template <Scope kScope>
Task<Result<void>> Get(Call& call) {
  const PolicyKey key = KeyOf<kScope>(call);
  json::Object out;
  PutStoredPolicy(out, call.deps().policies->Find(key));
  if constexpr (kScope == Scope::kTemplate) {
    CO_ASSIGN_OR_RETURN(const auto warning, TemplateWarning(call, key));
    out["warning"] = warning ? json::Value(*warning) : json::Value(nullptr);
  }
  co_return co_await call.Reply(200, out);
}

template <Scope kScope>
Task<Result<void>> Put(Call& call) {
  if constexpr (kScope == Scope::kTemplate) {
    CO_RETURN_IF_ERROR(TemplateWarning(call, KeyOf<kScope>(call)));
  }
  CO_ASSIGN_OR_RETURN(std::string text, co_await ReadPolicy(call));
  const control::StoredPolicy policy{std::move(text), call.caller().user, WallNow()};
  CO_RETURN_IF_ERROR(co_await call.deps().policies->Put(KeyOf<kScope>(call), policy));
  co_return co_await Get<kScope>(call);
}

template <Scope kScope>
Task<Result<void>> Remove(Call& call) {
  CO_RETURN_IF_ERROR(co_await call.deps().policies->Remove(KeyOf<kScope>(call)));
  co_return co_await call.ReplyEmpty(204);
}

Task<Result<void>> ReplyOwn(Call& call, Sandbox sandbox) {
  json::Object out;
  out["sandboxId"] = sandbox.id.value;
  out["text"] =
      sandbox.network.policy.empty() ? json::Value(nullptr) : json::Value(sandbox.network.policy);
  CO_ASSIGN_OR_RETURN(const auto policy, call.deps().policies->PolicyFor(sandbox));
  out["layers"] = LayersDto(*policy);
  co_return co_await call.Reply(200, out);
}

Task<Result<void>> GetOwn(Call& call) {
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox, FindSandbox(call));
  co_return co_await ReplyOwn(call, sandbox);
}

Task<Result<void>> SetOwn(Call& call, std::string text) {
  CO_ASSIGN_OR_RETURN(const Sandbox found, FindSandbox(call));
  control::NetworkPatch patch;
  patch.policy = std::move(text);
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox,
                      co_await call.deps().sandboxes->SetNetwork(found.id, std::move(patch)));
  co_return co_await ReplyOwn(call, sandbox);
}

Task<Result<void>> PutOwn(Call& call) {
  CO_ASSIGN_OR_RETURN(std::string text, co_await ReadPolicy(call));
  if (text.empty()) co_return Error(Code::kInvalid, "the policy is empty: DELETE removes one");
  co_return co_await SetOwn(call, std::move(text));
}

Task<Result<void>> RemoveOwn(Call& call) { return SetOwn(call, {}); }

// Where the rules speak of what a name leads to. A name that nobody knows here is judged by itself.
Task<void> LookUp(Call& call, const policy::Policy& policy, const policy::Inquiry& inquiry,
                  const policy::Classifier& classify, policy::Explanation& out) {
  const auto resolved =
      co_await async::WithDeadline(net::Resolve(*call.deps().resolver_pool, inquiry.host, 0),
                                   Now() + kLookUpTime, "resolving " + inquiry.host);
  if (!resolved) co_return;
  std::vector<policy::Address> addresses;
  for (const net::SocketAddress& address : *resolved) {
    if (const auto one = policy::Address::Parse(address.Ip())) addresses.push_back(*one);
  }
  policy::AddAddresses(policy, inquiry, addresses, classify, out);
}

Task<Result<void>> Test(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  CO_ASSIGN_OR_RETURN(const std::string url, RequiredText(body, "url"));
  CO_ASSIGN_OR_RETURN(const auto method, TextField(body, "method"));
  CO_ASSIGN_OR_RETURN(const auto resolve, BoolField(body, "resolve"));
  CO_ASSIGN_OR_RETURN(policy::Inquiry inquiry, policy::Inquiry::Parse(url));
  if (method && !method->empty()) inquiry.method = *method;
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox, FindSandbox(call));
  const auto& has_secret = call.deps().has_secret;
  inquiry.has_secret = has_secret && has_secret(sandbox, inquiry.host, inquiry.port);
  const PolicyBook* book = call.deps().policies;
  CO_ASSIGN_OR_RETURN(const auto policy, book->PolicyFor(sandbox));
  const auto classify = [book](const policy::Address& a) { return book->Classify(a); };
  auto explanation = policy::Explain(*policy, inquiry, classify);
  explanation.by_address |= resolve.value_or(false);
  if (explanation.by_address) {
    co_await LookUp(call, *policy, inquiry, classify, explanation);
  }
  co_return co_await call.Reply(200, ExplanationDto(inquiry, explanation));
}

Task<Result<void>> Presets(Call& call) {
  json::Array out;
  for (const policy::Preset& preset : policy::Presets()) {
    json::Object one;
    one["name"] = preset.name;
    one["reason"] = preset.reason;
    json::Array allow;
    CO_ASSIGN_OR_RETURN(const auto rules, policy::PresetRules(preset.name, policy::Layer::kNone));
    for (const policy::Rule& rule : rules) allow.emplace_back(rule.text);
    one["allow"] = std::move(allow);
    out.push_back(std::move(one));
  }
  co_return co_await call.Reply(200, out);
}

template <Scope kScope>
void AddLayer(Routes& routes, const std::string& path) {
  routes.Add("GET", path, &Get<kScope>, kManage);
  routes.Add("PUT", path, &Put<kScope>, kManage);
  routes.Add("DELETE", path, &Remove<kScope>, kManage);
}

}  // namespace

void AddPolicyRoutes(Routes& routes) {
  AddLayer<Scope::kServer>(routes, "/api/policy/server");
  AddLayer<Scope::kOrganization>(routes, "/api/policy/organization");
  AddLayer<Scope::kTemplate>(routes, "/api/policy/template/{name}");
  const std::string own = "/api/policy/sandbox/{sandbox}";
  routes.Add("GET", own, &GetOwn);
  routes.Add("PUT", own, &PutOwn, kWrite);
  routes.Add("DELETE", own, &RemoveOwn, kWrite);
  routes.Add("POST", own + "/test", &Test);
  routes.Add("GET", "/api/policy/presets", &Presets);
}

}  // namespace cove::api
