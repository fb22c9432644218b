#include "gateway/http_judge.h"

#include "gateway/dialer.h"
#include "gateway/http_request.h"

namespace cove::gateway {

using policy::Reason;

bool HttpJudge::MayStay(const Upstream& upstream) const {
  const auto policy = box_.Policy();
  if (policy == nullptr) return false;
  const auto& [host, port, protocol] = upstream.route;
  if (ByNumber(*policy, host, port)) {
    return JudgeAddress(box_, *policy, upstream.address, port).allow;
  }
  return MayDial(box_, *policy, host, upstream.address, port);
}

bool HttpJudge::ByNumber(const policy::Policy& policy, std::string_view host, uint16_t port) const {
  return origin_.by_number && !policy.Evaluate(host, port).allow && !policy.DenialOf(host, port);
}

bool HttpJudge::StillAllowed(const Verdict& verdict, const Lease& lease) const {
  if (verdict.host == kModelHost) return true;
  const auto policy = box_.Policy();
  if (policy == nullptr) return false;
  const policy::Decision now = JudgeRequest(*policy, verdict);
  return now.allow && lease.Holds(now.limits);
}

policy::Decision HttpJudge::JudgeRequest(const policy::Policy& policy,
                                         const Verdict& verdict) const {
  policy::Decision out =
      policy.EvaluateRequest(verdict.host, verdict.port, verdict.method, verdict.target);
  if (out.allow || !ByNumber(policy, verdict.host, verdict.port)) return out;
  return JudgeAddress(box_, policy, origin_.destination.address, verdict.port);
}

Reason HttpJudge::NotByNumber() const {
  const auto policy = box_.Policy();
  if (policy == nullptr) return Reason::kPolicyUnavailable;
  const Destination& to = origin_.destination;
  const policy::Decision decision = JudgeAddress(box_, *policy, to.address, to.port);
  return decision.allow ? Reason::kNoName : decision.reason;
}

// What it asks for, as far as it agrees with itself and with where the connection goes.
Reason HttpJudge::Understand(const http::RequestHead& request, Verdict& verdict) const {
  RequestTarget asked = ReadRequestTarget(request, origin_.https() ? "https" : "http");
  // With the number that it goes to as the host.
  if (!origin_.proxy() && asked.reason == Reason::kBadName &&
      asked.host == origin_.destination.address.ToString()) {
    asked.reason = origin_.by_number ? Reason::kAllowed : NotByNumber();
  }
  verdict.method = request.method;
  verdict.detail = std::move(asked.detail);
  verdict.host = std::move(asked.host);
  verdict.target = std::move(asked.target);
  verdict.port = origin_.proxy() ? asked.port.value_or(kHttpPort) : origin_.destination.port;
  if (asked.reason != Reason::kAllowed) return asked.reason;
  if (origin_.turned_away != Reason::kAllowed) return origin_.turned_away;
  if (origin_.proxy() && !asked.absolute) {
    verdict.detail = "a proxy is asked for a whole URI: http://host/path";
    return Reason::kMalformed;
  }
  if (origin_.name && *origin_.name != verdict.host) return Reason::kNameMismatch;
  if (asked.port && *asked.port != verdict.port) return Reason::kPortMismatch;
  return Reason::kAllowed;
}

Verdict HttpJudge::Judge(const http::RequestHead& request) const {
  Verdict out;
  out.decision.reason = Understand(request, out);
  if (out.decision.reason != Reason::kAllowed) return out;
  const auto policy = box_.Policy();
  if (policy == nullptr) {
    out.decision.reason = Reason::kPolicyUnavailable;
    return out;
  }
  if (out.host == kModelHost && !origin_.https()) {
    const bool right = out.port == kHttpPort && box_.deps.model != nullptr;
    out.decision = {right,
                    right ? Reason::kModelGateway : Reason::kPortNotAllowed,
                    {},
                    policy::Layer::kBuiltIn};
    return out;
  }
  out.decision = JudgeRequest(*policy, out);
  if (out.decision.allow && origin_.https()) FindSecrets(request, out);
  return out;
}

// Only where TLS was opened: the server was verified, and nobody on the way reads along.
void HttpJudge::FindSecrets(const http::RequestHead& request, Verdict& verdict) const {
  const auto credentials = box_.Secrets();
  const std::vector<std::string>& by_rule = verdict.decision.credentials;
  if (credentials == nullptr && by_rule.empty()) return;
  const auto policy = box_.Policy();
  const std::vector<std::string> by_other_rules =
      policy == nullptr ? std::vector<std::string>()
                        : policy->CredentialsFor(verdict.host, verdict.port);
  CredentialQuestion question;
  question.host = verdict.host;
  question.port = verdict.port;
  question.method = request.method;
  question.target = verdict.target;
  question.by_rule = &by_rule;
  question.by_other_rules = &by_other_rules;
  auto found = credentials == nullptr ? Error(Code::kDenied, "the sandbox has no secrets")
                                      : credentials->For(question);
  // TRACE is answered with the very request.
  if (found && found->has_any() && request.method == "TRACE") {
    verdict.decision.allow = false;
    verdict.decision.reason = Reason::kMethodNotSupported;
  } else if (found) {
    verdict.secrets = *std::move(found);
    // Each use of a secret is a record of its own.
    verdict.decision.by_request |= verdict.secrets.has_any();
  } else {
    verdict.decision.allow = false;
    verdict.decision.reason = Reason::kNoCredential;
  }
}

audit::Record HttpJudge::Row(const Verdict& verdict) const {
  const bool model = verdict.decision.reason == Reason::kModelGateway;
  audit::Record record = box_.NewRecord(model ? "model" : origin_.https() ? "https" : "http");
  record.host = verdict.host;
  record.port = verdict.port;
  record.claimed = origin_.destination.ToString();
  record.rule = verdict.decision.rule;
  record.layer = policy::LayerName(verdict.decision.layer);
  record.reason = policy::ReasonName(verdict.decision.reason);
  record.method = verdict.method;
  record.path = verdict.Path();
  record.detail = verdict.detail;
  return record;
}

}  // namespace cove::gateway
