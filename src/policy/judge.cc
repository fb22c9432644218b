#include "policy/judge.h"

#include <algorithm>

#include "policy/encrypted_dns.h"

namespace cove::policy {
namespace {

enum class Fit {
  kNo,         // about somebody else
  kOtherPort,  // about this host, on other ports
  kDoh,        // a wildcard, and the host is a DoH resolver
  kOther,      // about this host and port, but other requests
  kPerhaps,    // depends on the request, which is not known yet
  kYes,
};

bool IsAbout(const Rule& rule, const Question& q) {
  if (q.address != nullptr) return rule.network && rule.network->Contains(*q.address);
  return rule.MatchesHost(q.host);
}

// A wildcard never means a resolver that would hide every name behind one, nor do all ports.
bool IsHiddenResolver(const Rule& rule, const Question& q) {
  if (rule.effect != Effect::kAllow || q.address != nullptr) return false;
  if (rule.host.kind == HostPattern::Kind::kExact) return false;
  return IsDnsOverHttpsHost(q.host) || (q.port == kDnsOverTlsPort && rule.ports.all());
}

bool HidesNames(const Question& q) {
  if (q.port == kDnsOverTlsPort) return true;
  return q.address != nullptr ? IsResolver(*q.address) : IsDnsOverHttpsHost(q.host);
}

bool FitsRequest(const Rule& rule, const Question& q) {
  const bool method = rule.methods.empty() || std::find(rule.methods.begin(), rule.methods.end(),
                                                        q.method) != rule.methods.end();
  if (!method || rule.paths.empty()) return method;
  // A path that cannot be read is denied by every rule that looks at paths.
  if (q.path == nullptr) return rule.effect == Effect::kDeny;
  const bool denies = rule.effect == Effect::kDeny;
  return std::any_of(rule.paths.begin(), rule.paths.end(), [&](const PathPattern& p) {
    return denies ? p.MayMatch(*q.path) : p.Matches(*q.path);
  });
}

Fit FitOf(const Rule& rule, const Question& q) {
  if (!IsAbout(rule, q)) return Fit::kNo;
  if (IsHiddenResolver(rule, q)) return Fit::kDoh;
  if (q.port && !rule.ports.Contains(*q.port)) return Fit::kOtherPort;
  if (!rule.ByRequest()) return Fit::kYes;
  if (!q.KnowsRequest()) return Fit::kPerhaps;
  return FitsRequest(rule, q) ? Fit::kYes : Fit::kOther;
}

// Without a port the question is whether any would do: a denial of some ports leaves others.
bool DeniesAll(const Rule& rule, const Question& q) { return q.port || rule.ports.all(); }

// The more a rule has in common with the question, the better it explains the denial.
Reason NearReason(Fit fit, const Question& q) {
  switch (fit) {
    case Fit::kOtherPort:
      return Reason::kPortNotAllowed;
    case Fit::kDoh:
      return Reason::kDnsOverHttps;
    case Fit::kOther:
      return q.path == nullptr ? Reason::kBadPath : Reason::kRequestNotAllowed;
    default:
      return Reason::kNoRule;
  }
}

}  // namespace

Answer Ask(const Document& document, const Question& q) {
  Answer allowed;
  Answer nearest;
  Fit nearest_fit = Fit::kNo;
  bool perhaps_denied = false;
  bool inspect = false;
  std::vector<const Rule*> details;
  for (const Rule& rule : document.rules) {
    const Fit fit = FitOf(rule, q);
    inspect |= rule.inspect && fit >= Fit::kOther;
    if (rule.effect == Effect::kDeny) {
      if (fit == Fit::kYes && DeniesAll(rule, q)) {
        return {Answer::Kind::kDeny, Reason::kRuleDenies, &rule};
      }
      perhaps_denied |= fit == Fit::kPerhaps;
    } else if (fit == Fit::kYes) {
      allowed = {Answer::Kind::kAllow, Reason::kAllowed, &rule};
      if (rule.HasDetails()) details.push_back(&rule);
    } else if (fit == Fit::kPerhaps && allowed.kind == Answer::Kind::kDeny) {
      allowed = {Answer::Kind::kByRequest, Reason::kAllowed, &rule};
    } else if (fit > nearest_fit) {
      nearest_fit = fit;
      nearest = {Answer::Kind::kDeny, NearReason(fit, q), &rule};
    }
  }
  if (allowed.kind == Answer::Kind::kDeny && document.standard == Effect::kAllow) {
    allowed = {Answer::Kind::kAllow, Reason::kAllowed, nullptr};
  }
  if (allowed.kind == Answer::Kind::kDeny) return nearest;
  if (perhaps_denied) allowed.kind = Answer::Kind::kByRequest;
  allowed.inspect = inspect;
  allowed.details = std::move(details);
  return allowed;
}

Answer AskDefault(const Document& document, const Question& q) {
  Answer out = Ask(document, q);
  if (out.kind == Answer::Kind::kDeny || out.rule != nullptr || !HidesNames(q)) return out;
  return {Answer::Kind::kDeny, Reason::kDnsOverHttps};
}

}  // namespace cove::policy
