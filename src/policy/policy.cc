#include "policy/policy.h"

#include <algorithm>
#include <optional>

#include "policy/encrypted_dns.h"
#include "policy/host_name.h"

namespace cove::policy {
namespace {

Decision Deny(Reason reason) { return {false, reason, {}, Layer::kNone, false}; }

void AddOnce(std::vector<std::string>& list, const std::string& text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

// Rules of the same words in several places count each for itself, in one place once.
void AddLimits(Decision& out, const Answer& answer, std::string_view where) {
  for (const Rule* rule : answer.details) {
    out.log_requests |= rule->log_requests;
    if (!rule->limits.any()) continue;
    RuleLimits limits = rule->limits;
    limits.rule.insert(0, where);
    const bool known = std::any_of(out.limits.begin(), out.limits.end(),
                                   [&](const RuleLimits& one) { return one.rule == limits.rule; });
    if (!known) out.limits.push_back(std::move(limits));
  }
}

Decision ToDecision(const Answer& answer, Layer layer) {
  Decision out;
  out.allow = answer.kind != Answer::Kind::kDeny;
  out.reason = answer.reason;
  out.by_request = answer.kind == Answer::Kind::kByRequest ||
                   (answer.rule != nullptr && answer.rule->ByRequest());
  out.inspect = answer.inspect;
  out.layer = answer.rule != nullptr ? answer.rule->layer : layer;
  for (const Rule* rule : answer.details) {
    if (!rule->credential.empty()) AddOnce(out.credentials, rule->credential);
  }
  AddLimits(out, answer, "");
  if (answer.rule != nullptr) {
    out.rule = answer.rule->text;
  } else if (out.allow) {
    out.rule = "default allow";
  }
  return out;
}

// What an address rule may open beyond public addresses.
bool MayBeGranted(AddressClass kind) {
  return kind == AddressClass::kPublic || kind == AddressClass::kPrivate ||
         kind == AddressClass::kCgnat || kind == AddressClass::kOnLink;
}

bool IsOperators(Layer layer) { return layer == Layer::kServer || layer == Layer::kRegistries; }

bool AnyContains(const SharedList<Prefix>& networks, const Address& address) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const Prefix& network) { return network.Contains(address); });
}

bool OnPort(const Rule& rule, std::optional<uint16_t> port) {
  return !port || rule.ports.Contains(*port);
}

const std::vector<Rule>& NoRules() {
  static const std::vector<Rule> none;
  return none;
}

}  // namespace

std::shared_ptr<const Policy> Policy::Make(std::vector<LayerPolicy> layers) {
  auto policy = std::make_shared<Policy>();
  for (const LayerPolicy& layer : layers) {
    if (layer.standard != nullptr) policy->standard_ = layer;
    if (layer.models != nullptr) {
      policy->models_.assign(1, {layer.layer, Step::Part::kDefault, layer.models});
    }
  }
  for (const LayerPolicy& layer : layers) {
    if (layer.models_ceiling == nullptr) continue;
    policy->models_.push_back({layer.layer, Step::Part::kCeiling, layer.models_ceiling});
  }
  policy->layers_ = std::move(layers);
  return policy;
}

Result<std::shared_ptr<const Policy>> Policy::Parse(std::span<const std::string> texts,
                                                    Layer layer) {
  auto document = std::make_shared<Document>();
  for (const std::string& text : texts) {
    ASSIGN_OR_RETURN(Rule rule, ParseRule(text, layer));
    document->rules.push_back(std::move(rule));
  }
  return Make({{layer, nullptr, std::move(document)}});
}

const std::vector<Rule>& Policy::rules() const {
  return standard_.standard == nullptr ? NoRules() : standard_.standard->rules;
}

Decision Policy::Judge(const Question& question) const {
  if (standard_.standard == nullptr) return Deny(Reason::kNoRule);
  Decision out = ToDecision(AskDefault(*standard_.standard, question), standard_.layer);
  if (!out.allow) return out;
  for (const LayerPolicy& layer : layers_) {
    if (layer.ceiling == nullptr) continue;
    const Answer answer = Ask(*layer.ceiling, question);
    if (answer.kind == Answer::Kind::kDeny) {
      Decision cut = ToDecision(answer, layer.layer);
      cut.layer = layer.layer;
      // What the ceiling says by itself is clear; that it does not name the host is not.
      if (cut.reason != Reason::kRuleDenies) cut.reason = Reason::kAboveCeiling;
      return cut;
    }
    out.by_request |= answer.kind == Answer::Kind::kByRequest;
    out.inspect |= answer.inspect;
    AddLimits(out, answer, std::string(LayerName(layer.layer)) + " ceiling ");
  }
  return out;
}

std::vector<Step> Policy::Trace(const Question& question) const {
  std::vector<Step> out;
  if (standard_.standard != nullptr) {
    out.push_back({standard_.layer, Step::Part::kDefault,
                   ToDecision(AskDefault(*standard_.standard, question), standard_.layer)});
  }
  for (const LayerPolicy& layer : layers_) {
    if (layer.ceiling == nullptr) continue;
    out.push_back({layer.layer, Step::Part::kCeiling,
                   ToDecision(Ask(*layer.ceiling, question), layer.layer)});
  }
  return out;
}

Decision Policy::EvaluateName(std::string_view text) const {
  const auto host = CanonicalHost(text);
  if (!host) return Deny(Reason::kBadName);
  Question question;
  question.host = *host;
  return Judge(question);
}

Decision Policy::Evaluate(std::string_view text, uint16_t port) const {
  const auto host = CanonicalHost(text);
  if (!host) return Deny(Reason::kBadName);
  Question question;
  question.host = *host;
  question.port = port;
  return Judge(question);
}

Decision Policy::EvaluateTunnel(std::string_view text, uint16_t port) const {
  Decision out = Evaluate(text, port);
  if (!out.allow || (!out.by_request && !out.inspect)) return out;
  out.allow = false;
  out.reason = Reason::kNeedsInspection;
  return out;
}

Decision Policy::EvaluateRequest(std::string_view text, uint16_t port, std::string_view method,
                                 std::string_view target) const {
  const auto host = CanonicalHost(text);
  if (!host) return Deny(Reason::kBadName);
  if (method.empty()) return Deny(Reason::kRequestNotAllowed);
  const auto path = RequestPath::Parse(target);
  Question question;
  question.host = *host;
  question.port = port;
  question.method = method;
  question.path = path ? &*path : nullptr;
  return Judge(question);
}

std::vector<std::string> Policy::CredentialsFor(std::string_view text, uint16_t port) const {
  std::vector<std::string> out;
  const auto host = CanonicalHost(text);
  if (!host) return out;
  for (const Rule& rule : rules()) {
    if (rule.credential.empty() || rule.effect != Effect::kAllow || rule.network) continue;
    if (rule.ports.Contains(port) && rule.MatchesHost(*host)) AddOnce(out, rule.credential);
  }
  return out;
}

bool Policy::OperatorNames(const Address& address, std::optional<uint16_t> port) const {
  const auto names = [&](const std::shared_ptr<const Document>& document) {
    if (document == nullptr) return false;
    return std::any_of(document->rules.begin(), document->rules.end(), [&](const Rule& rule) {
      return rule.effect == Effect::kAllow && rule.network && rule.network->Contains(address) &&
             OnPort(rule, port);
    });
  };
  return std::any_of(layers_.begin(), layers_.end(), [&](const LayerPolicy& layer) {
    return IsOperators(layer.layer) && (names(layer.ceiling) || names(layer.standard));
  });
}

std::optional<Decision> Policy::DenialOf(std::string_view host, uint16_t port) const {
  if (IsDnsOverHttpsHost(host)) return Deny(Reason::kDnsOverHttps);
  std::optional<Decision> out;
  const auto denies = [&](const std::shared_ptr<const Document>& document) {
    if (document == nullptr) return false;
    const auto& rules = document->rules;
    const auto rule = std::find_if(rules.begin(), rules.end(), [&](const Rule& one) {
      return one.effect == Effect::kDeny && !one.network && one.ports.Contains(port) &&
             one.MatchesHost(host);
    });
    if (rule != rules.end()) out = Decision{false, Reason::kRuleDenies, rule->text, rule->layer};
    return rule != rules.end();
  };
  (void)AnyDocument(denies);
  return out;
}

bool Policy::DeniesNames(uint16_t port) const {
  return AnyDocument([&](const std::shared_ptr<const Document>& document) {
    if (document == nullptr) return false;
    return document->standard == Effect::kAllow ||
           std::any_of(document->rules.begin(), document->rules.end(), [&](const Rule& rule) {
             return rule.effect == Effect::kDeny && !rule.network && rule.ports.Contains(port);
           });
  });
}

bool Policy::AnyDocument(
    const std::function<bool(const std::shared_ptr<const Document>&)>& holds) const {
  if (holds(standard_.standard)) return true;
  return std::any_of(layers_.begin(), layers_.end(),
                     [&](const LayerPolicy& layer) { return holds(layer.ceiling); });
}

bool Policy::MayLeadToNetwork(std::string_view host, std::optional<uint16_t> port) const {
  if (standard_.standard == nullptr || IsDnsOverHttpsHost(host)) return false;
  const bool network = std::any_of(rules().begin(), rules().end(), [&](const Rule& rule) {
    return rule.effect == Effect::kAllow && rule.network && OnPort(rule, port);
  });
  if (!network) return false;
  Question question;
  question.host = host;
  question.port = port;
  const Answer answer = AskDefault(*standard_.standard, question);
  if (answer.kind != Answer::Kind::kDeny || answer.reason == Reason::kRuleDenies) return false;
  return std::none_of(layers_.begin(), layers_.end(), [&](const LayerPolicy& layer) {
    return layer.ceiling != nullptr && Ask(*layer.ceiling, question).reason == Reason::kRuleDenies;
  });
}

Decision Policy::EvaluateAddress(const Address& address, std::optional<uint16_t> port,
                                 AddressClass kind) const {
  Question question;
  question.address = &address;
  question.port = port;
  Decision out = Judge(question);
  // "No rule names the host" would mislead where there is no name.
  if (!out.allow && out.reason == Reason::kNoRule) out.reason = Reason::kNoName;
  if (!out.allow) return out;
  const bool open =
      kind == AddressClass::kPublic || (MayBeGranted(kind) && OperatorNames(address, port));
  if (!open) return Deny(Reason::kAddressNotPublic);
  return out;
}

bool Policy::AddressesDecide(std::string_view host, uint16_t port) const {
  const auto speaks = [&](const std::shared_ptr<const Document>& document) {
    if (document == nullptr) return false;
    return std::any_of(document->rules.begin(), document->rules.end(), [&](const Rule& rule) {
      if (!rule.ports.Contains(port)) return false;
      if (rule.effect == Effect::kDeny) return rule.network.has_value();
      return !rule.resolves_to.empty() && rule.MatchesHost(host);
    });
  };
  return std::any_of(layers_.begin(), layers_.end(), [&](const LayerPolicy& layer) {
    return speaks(layer.ceiling) || speaks(layer.standard);
  });
}

bool Policy::MayDial(std::string_view host, const Address& address, uint16_t port,
                     AddressClass kind) const {
  // A range that a rule denies stays closed whatever leads there.
  const auto denies = [&](const std::shared_ptr<const Document>& document) {
    if (document == nullptr) return false;
    return std::any_of(document->rules.begin(), document->rules.end(), [&](const Rule& rule) {
      return rule.effect == Effect::kDeny && rule.network && rule.network->Contains(address) &&
             rule.ports.Contains(port);
    });
  };
  if (denies(standard_.standard)) return false;
  for (const LayerPolicy& layer : layers_) {
    if (denies(layer.ceiling)) return false;
  }
  if (kind == AddressClass::kPublic) return true;
  if (!MayBeGranted(kind)) return false;
  const auto grants = [&](const std::shared_ptr<const Document>& document) {
    if (document == nullptr) return false;
    return std::any_of(document->rules.begin(), document->rules.end(), [&](const Rule& rule) {
      return rule.effect == Effect::kAllow && rule.MatchesHost(host) && rule.ports.Contains(port) &&
             AnyContains(rule.resolves_to, address);
    });
  };
  return std::any_of(layers_.begin(), layers_.end(), [&](const LayerPolicy& layer) {
    return IsOperators(layer.layer) && (grants(layer.ceiling) || grants(layer.standard));
  });
}

}  // namespace cove::policy
