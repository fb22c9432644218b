#include "policy/explain.h"

#include <algorithm>

#include "base/text.h"
#include "policy/built_in.h"
#include "policy/host_name.h"

namespace cove::policy {
namespace {

constexpr std::pair<std::string_view, uint16_t> kSchemes[] = {
    {"https", 443}, {"wss", 443}, {"http", 80}, {"ws", 80}, {"ssh", 22}, {"git", 9418}, {"tcp", 0}};

Error Wrong(std::string_view url, std::string_view why) {
  return {Code::kInvalid, "'" + std::string(url.substr(0, 200)) + "': " + std::string(why)};
}

bool IsHttp(std::string_view scheme) { return scheme == "http" || scheme == "ws"; }
bool IsHttps(std::string_view scheme) { return scheme == "https" || scheme == "wss"; }

// The authority's host and port; the host without brackets.
Result<void> ReadAuthority(std::string_view text, std::string_view url, Inquiry& out) {
  if (text.find('@') != std::string_view::npos) {
    return Wrong(url, "leave user and password out");
  }
  const size_t bracket = text.starts_with('[') ? text.find(']') : 0;
  if (bracket == std::string_view::npos) return Wrong(url, "'[' without ']'");
  const size_t colon = text.find(':', bracket);
  out.host = bracket == 0 ? text.substr(0, colon) : text.substr(1, bracket - 1);
  if (colon != std::string_view::npos) {
    const auto port = ParseInt<uint16_t>(text.substr(colon + 1));
    if (!port || *port == 0) return Wrong(url, "the port is a number from 1 to 65535");
    out.port = *port;
  }
  if (out.host.empty()) return Wrong(url, "it names no host");
  if (out.port == 0) return Wrong(url, "it names no port");
  return Ok();
}

Explanation AboutAddress(const Policy& policy, const Address& address, uint16_t port,
                         AddressClass kind) {
  Explanation out;
  out.stage = Explanation::Stage::kAddress;
  out.decision = policy.EvaluateAddress(address, port, kind);
  Question question;
  question.address = &address;
  question.port = port;
  out.steps = policy.Trace(question);
  return out;
}

Explanation AboutName(const Policy& policy, const Inquiry& inquiry, const std::string& host) {
  Explanation out;
  Question question;
  question.host = host;
  out.stage = Explanation::Stage::kName;
  out.decision = policy.EvaluateName(host);
  if (!out.decision.allow) {
    if (out.decision.reason != Reason::kBadName) out.steps = policy.Trace(question);
    return out;
  }
  out.stage = Explanation::Stage::kConnection;
  out.decision = policy.Evaluate(host, inquiry.port);
  question.port = inquiry.port;
  const bool opened = out.decision.inspect || inquiry.has_secret;
  const bool read = IsHttp(inquiry.scheme) || (IsHttps(inquiry.scheme) && opened);
  if (!read) out.decision = policy.EvaluateTunnel(host, inquiry.port);
  const auto path = RequestPath::Parse(inquiry.target);
  if (read && out.decision.allow) {
    out.stage = Explanation::Stage::kRequest;
    out.decision = policy.EvaluateRequest(host, inquiry.port, inquiry.method, inquiry.target);
    question.method = inquiry.method;
    question.path = path ? &*path : nullptr;
  }
  out.steps = policy.Trace(question);
  return out;
}

}  // namespace

std::string_view StageName(Explanation::Stage stage) {
  switch (stage) {
    case Explanation::Stage::kName:
      return "name";
    case Explanation::Stage::kConnection:
      return "connection";
    case Explanation::Stage::kRequest:
      return "request";
    case Explanation::Stage::kAddress:
      return "address";
  }
  return "connection";
}

Result<Inquiry> Inquiry::Parse(std::string_view url) {
  Inquiry out;
  out.scheme = "https";
  std::string_view rest = url;
  if (const size_t colon = url.find("://"); colon != std::string_view::npos) {
    out.scheme = ToLower(url.substr(0, colon));
    rest = url.substr(colon + 3);
  }
  const auto* const known =
      std::find_if(std::begin(kSchemes), std::end(kSchemes),
                   [&](const auto& scheme) { return scheme.first == out.scheme; });
  if (known == std::end(kSchemes)) {
    return Wrong(url, "the scheme is http, https, ws, wss, ssh, git or tcp");
  }
  out.port = known->second;
  rest = rest.substr(0, rest.find('#'));
  const size_t slash = rest.find_first_of("/?");
  RETURN_IF_ERROR(ReadAuthority(rest.substr(0, slash), url, out));
  if (slash != std::string_view::npos) out.target = rest.substr(slash);
  if (out.target.starts_with('?')) out.target.insert(0, "/");
  return out;
}

Explanation Explain(const Policy& policy, const Inquiry& inquiry, const Classifier& classify) {
  if (const auto address = Address::Parse(inquiry.host)) {
    return AboutAddress(policy, *address, inquiry.port, classify(*address));
  }
  const auto host = CanonicalHost(inquiry.host);
  if (const auto own = host ? JudgeBuiltIn(*host, inquiry.port) : std::nullopt) {
    Explanation out;
    out.decision = *own;
    return out;
  }
  Explanation out = AboutName(policy, inquiry, host ? *host : inquiry.host);
  if (!host) return out;
  out.by_address = out.decision.allow ? policy.AddressesDecide(*host, inquiry.port)
                                      : policy.MayLeadToNetwork(*host, inquiry.port);
  return out;
}

void AddAddresses(const Policy& policy, const Inquiry& inquiry,
                  const std::vector<Address>& addresses, const Classifier& classify,
                  Explanation& out) {
  const auto host = CanonicalHost(inquiry.host);
  if (!host || addresses.empty() || JudgeBuiltIn(*host, inquiry.port)) return;
  const bool by_name = out.decision.allow;
  bool open = false;
  for (const Address& address : addresses) {
    const AddressClass kind = classify(address);
    const Explanation by_number = AboutAddress(policy, address, inquiry.port, kind);
    const bool may =
        by_name ? policy.MayDial(*host, address, inquiry.port, kind) : by_number.decision.allow;
    out.places.push_back({address, kind, may});
    if (may && !open && !by_name) {
      out.decision = by_number.decision;
      out.steps = by_number.steps;
      out.stage = Explanation::Stage::kAddress;
    }
    open |= may;
  }
  if (open || !by_name) return;
  out.decision.allow = false;
  out.decision.reason = Reason::kAddressNotPublic;
  out.stage = Explanation::Stage::kAddress;
}

}  // namespace cove::policy
