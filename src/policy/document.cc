#include "policy/document.h"

#include <array>
#include <iterator>
#include <optional>
#include <span>
#include <utility>

#include "base/text.h"
#include "policy/method.h"
#include "policy/node_parts.h"
#include "policy/presets.h"

namespace cove::policy {
namespace {

constexpr uint32_t kCountMax = 1'000'000;

constexpr auto kDocumentKeys =
    std::to_array<std::string_view>({"default", "presets", "allow", "deny", "rule"});
constexpr auto kRuleKeys = std::to_array<std::string_view>(
    {"allow", "deny", "ports", "methods", "paths", "inspect", "credential", "connections", "bytes",
     "rate", "log", "resolves_to"});

Result<PortSet> ReadPorts(const Node& node) {
  PortSet ports;
  const std::span<const Node> items =
      node.kind == Node::Kind::kList ? std::span(node.items) : std::span(&node, 1);
  for (const Node& item : items) {
    std::string text = item.text;
    if (item.kind == Node::Kind::kInteger) text = std::to_string(item.number);
    auto one = PortSet::Parse(text);
    if (!one) return item.Wrong(one.error().message());
    ports.Add(*one);
    if (ports.ranges() > kPortRangesMax) return item.Wrong("over 64 separate ports and ranges");
  }
  if (ports.empty()) return node.Wrong("the list is empty; leave the key out for 80 and 443");
  return ports;
}

std::optional<uint64_t> ReadBytes(const Node& node) {
  if (node.kind == Node::Kind::kInteger && node.number > 0) return node.number;
  constexpr std::pair<std::string_view, uint64_t> kUnits[] = {
      {"KB", 1'000}, {"MB", 1'000'000}, {"GB", 1'000'000'000}};
  for (const auto& [unit, size] : kUnits) {
    if (node.kind != Node::Kind::kText || !node.text.ends_with(unit)) continue;
    const std::string_view digits(node.text.data(), node.text.size() - unit.size());
    const auto number = ParseInt<uint32_t>(digits);
    if (number && *number > 0) return *number * size;
  }
  return std::nullopt;
}

std::optional<RuleLimits::Rate> ReadRate(const Node& node) {
  constexpr std::pair<std::string_view, int> kUnits[] = {
      {"second", 1}, {"minute", 60}, {"hour", 3600}};
  const size_t slash = node.text.find('/');
  const auto count = ParseInt<uint32_t>(std::string_view(node.text).substr(0, slash));
  if (slash == std::string::npos || !count || *count < 1 || *count > kCountMax) return std::nullopt;
  for (const auto& [unit, length] : kUnits) {
    if (node.text.substr(slash + 1) == unit) return RuleLimits::Rate{*count, seconds(length)};
  }
  return std::nullopt;
}

class Reader {
 public:
  explicit Reader(Layer layer) : layer_(layer) {}

  Result<Document> Read(const Node& node) {
    if (node.kind != Node::Kind::kTable) return node.Wrong("a policy is a table");
    RETURN_IF_ERROR(CheckKeys(node, kDocumentKeys));
    if (const Node* value = Entry(node, "default")) RETURN_IF_ERROR(ReadDefault(*value));
    if (const Node* list = Entry(node, "presets")) RETURN_IF_ERROR(ReadPresets(*list));
    if (const Node* list = Entry(node, "allow")) {
      RETURN_IF_ERROR(ReadTargets(*list, Effect::kAllow, {}, out_.rules));
    }
    if (const Node* list = Entry(node, "deny")) {
      RETURN_IF_ERROR(ReadTargets(*list, Effect::kDeny, {}, out_.rules));
    }
    if (const Node* rules = Entry(node, "rule")) RETURN_IF_ERROR(ReadRules(*rules));
    if (out_.rules.size() > kRulesMax) return node.Wrong("over 4096 rules");
    return std::move(out_);
  }

 private:
  Result<void> ReadDefault(const Node& node) {
    if (node.kind != Node::Kind::kText || (node.text != "deny" && node.text != "allow")) {
      return node.Wrong("default is \"deny\" or \"allow\"");
    }
    out_.standard = node.text == "allow" ? Effect::kAllow : Effect::kDeny;
    return Ok();
  }

  Result<void> ReadPresets(const Node& node) {
    return EachText(node, [this](const Node& item) -> Result<void> {
      ASSIGN_OR_RETURN(auto rules, PresetRules(item.text, layer_));
      std::move(rules.begin(), rules.end(), std::back_inserter(out_.rules));
      return Ok();
    });
  }

  // With `ports`, which then hold for each target.
  Result<void> ReadTargets(const Node& node, Effect effect, const std::optional<PortSet>& ports,
                           std::vector<Rule>& into) {
    return EachText(node, [&](const Node& item) -> Result<void> {
      ASSIGN_OR_RETURN(Rule rule,
                       ports ? ParseTarget(item.text, layer_) : ParseRule(item.text, layer_));
      if (ports) rule.ports = *ports;
      rule.effect = effect;
      Spell(rule);
      into.push_back(std::move(rule));
      return Ok();
    });
  }

  Result<void> ReadRules(const Node& node) {
    if (node.kind != Node::Kind::kList) return node.Wrong("rules are tables: [[rule]]");
    for (const Node& rule : node.items) RETURN_IF_ERROR(ReadRule(rule));
    return Ok();
  }

  Result<void> ReadRule(const Node& node) {
    if (node.kind != Node::Kind::kTable) return node.Wrong("a rule is a table");
    RETURN_IF_ERROR(CheckKeys(node, kRuleKeys));
    const Node* allow = Entry(node, "allow");
    const Node* deny = Entry(node, "deny");
    if ((allow == nullptr) == (deny == nullptr)) {
      return node.Wrong("a rule has either 'allow' or 'deny': hosts or networks");
    }
    std::optional<PortSet> ports;
    if (const Node* own = Entry(node, "ports")) {
      ASSIGN_OR_RETURN(ports, ReadPorts(*own));
    }
    std::vector<Rule> rules;
    RETURN_IF_ERROR(deny == nullptr ? ReadTargets(*allow, Effect::kAllow, ports, rules)
                                    : ReadTargets(*deny, Effect::kDeny, ports, rules));
    Rule detail;
    RETURN_IF_ERROR(ReadDetail(node, detail));
    paths_ += detail.paths.size();
    if (paths_ > kDocumentPathsMax) return node.Wrong("over 8192 paths in all rules together");
    for (Rule& rule : rules) {
      if (rule.network && (detail.ByRequest() || detail.inspect || !detail.resolves_to.empty())) {
        return node.Wrong("methods, paths, inspect and resolves_to go with names, not networks");
      }
      RETURN_IF_ERROR(CheckCredential(node, rule, detail));
      if (rule.effect == Effect::kDeny && (detail.limits.any() || detail.log_requests)) {
        return node.Wrong("connections, bytes, rate and log go with 'allow'");
      }
      rule.limits = detail.limits;
      rule.log_requests = detail.log_requests;
      rule.inspect = detail.inspect;
      rule.methods = detail.methods;
      rule.paths = detail.paths;  // shared, not copied
      rule.credential = detail.credential;
      rule.resolves_to = detail.resolves_to;
      Spell(rule);
      out_.rules.push_back(std::move(rule));
    }
    return Ok();
  }

  // A secret goes only where its host's certificate is verified and the request was read.
  static Result<void> CheckCredential(const Node& node, const Rule& rule, const Rule& detail) {
    if (detail.credential.empty()) return Ok();
    if (rule.effect == Effect::kDeny) {
      return node.Wrong("credential goes with 'allow': a denied request needs none");
    }
    if (!detail.inspect) {
      return node.Wrong(
          "credential needs inspect = true: it is put into requests, which TLS hides");
    }
    if (rule.network || rule.host.kind == HostPattern::Kind::kAny) {
      return node.Wrong("credential needs hosts by name, not a network or '*'");
    }
    return Ok();
  }

  static Result<void> ReadLimits(const Node& node, Rule& rule) {
    if (const Node* count = Entry(node, "connections")) {
      if (count->kind != Node::Kind::kInteger || count->number < 1 || count->number > kCountMax) {
        return count->Wrong("connections is a number from 1 to 1000000");
      }
      rule.limits.connections = static_cast<uint32_t>(count->number);
    }
    if (const Node* bytes = Entry(node, "bytes")) {
      rule.limits.bytes = ReadBytes(*bytes);
      if (!rule.limits.bytes)
        return bytes->Wrong("bytes is a number, or like \"100MB\" or \"2GB\"");
    }
    if (const Node* rate = Entry(node, "rate")) {
      rule.limits.rate = ReadRate(*rate);
      if (!rule.limits.rate) return rate->Wrong("rate is like \"60/minute\": second, minute, hour");
    }
    if (const Node* log = Entry(node, "log")) {
      if (log->text != "requests" && log->text != "connections") {
        return log->Wrong("log is \"connections\" or \"requests\"");
      }
      rule.log_requests = log->text == "requests";
    }
    return Ok();
  }

  Result<void> ReadDetail(const Node& node, Rule& rule) const {
    if (const Node* inspect = Entry(node, "inspect")) {
      if (inspect->kind != Node::Kind::kBoolean) return inspect->Wrong("inspect is true or false");
      rule.inspect = inspect->flag;
    }
    RETURN_IF_ERROR(ReadLimits(node, rule));
    if (const Node* name = Entry(node, "credential")) {
      if (name->kind != Node::Kind::kText) return name->Wrong("a text in quotes is expected");
      if (auto sound = CheckCredentialName(name->text); !sound) {
        return name->Wrong(sound.error().message());
      }
      rule.credential = name->text;
    }
    if (const Node* methods = Entry(node, "methods")) {
      std::vector<std::string> list;
      RETURN_IF_ERROR(EachText(*methods, [&](const Node& item) -> Result<void> {
        RETURN_IF_ERROR(CheckMethod(item.text));
        list.push_back(item.text);
        return Ok();
      }));
      rule.methods = std::move(list);
    }
    if (const Node* paths = Entry(node, "paths")) {
      std::vector<PathPattern> list;
      RETURN_IF_ERROR(EachText(*paths, [&](const Node& item) -> Result<void> {
        ASSIGN_OR_RETURN(PathPattern path, PathPattern::Parse(item.text));
        list.push_back(std::move(path));
        return Ok();
      }));
      rule.paths = std::move(list);
    }
    if (const Node* networks = Entry(node, "resolves_to")) {
      if (layer_ != Layer::kServer) {
        return networks->Wrong("only the server's own policy may say resolves_to");
      }
      std::vector<Prefix> list;
      RETURN_IF_ERROR(EachText(*networks, [&](const Node& item) -> Result<void> {
        ASSIGN_OR_RETURN(const Prefix network, ParseNetwork(item.text));
        list.push_back(network);
        return Ok();
      }));
      rule.resolves_to = std::move(list);
    }
    return Ok();
  }

  Layer layer_;
  Document out_;
  size_t paths_ = 0;
};

}  // namespace

Result<Document> ReadDocument(const Node& node, Layer layer) { return Reader(layer).Read(node); }

Result<Document> ParseToml(std::string_view text, std::string_view name, Layer layer) {
  ASSIGN_OR_RETURN(const Node node, NodeFromToml(text, name));
  return ReadDocument(node, layer);
}

Result<Document> ParseJson(std::string_view text, Layer layer) {
  if (text.size() > kDocumentBytesMax) return Error(Code::kTooLarge, "over 1 MiB is no policy");
  ASSIGN_OR_RETURN(const json::Value value, json::Parse(text));
  return ReadDocument(NodeFromJson(value), layer);
}

}  // namespace cove::policy
