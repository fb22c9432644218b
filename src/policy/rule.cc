#include "policy/rule.h"

#include <algorithm>

#include "base/text.h"
#include "policy/host_name.h"
#include "policy/name_lists.h"

namespace cove::policy {
namespace {

constexpr size_t kRuleBytesMax = 1024;

Result<std::vector<uint16_t>> ParsePorts(std::string_view text) {
  std::vector<uint16_t> ports;
  for (const std::string_view part : Split(text, ',')) {
    const auto port = ParseInt<uint16_t>(part);
    if (!port || *port == 0) {
      return Error(Code::kInvalid, "'" + std::string(part) + "' is not a port (1 to 65535)");
    }
    ports.push_back(*port);
  }
  if (ports.size() > kPortsPerRuleMax) return Error(Code::kInvalid, "more than 64 ports");
  std::sort(ports.begin(), ports.end());
  ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
  return ports;
}

Result<void> ParseNetwork(std::string_view text, Rule& rule) {
  std::string plain(text);
  if (plain.starts_with('[')) {
    const size_t close = plain.find(']');
    if (close == std::string::npos) return Error(Code::kInvalid, "'[' without ']'");
    plain = plain.substr(1, close - 1) + plain.substr(close + 1);
  }
  const auto network = Prefix::Parse(plain);
  if (!network) {
    return Error(Code::kInvalid, "'" + plain + "' is not a network such as 203.0.113.0/24");
  }
  rule.kind = Rule::Kind::kNetwork;
  rule.network = *network;
  return Ok();
}

Result<void> ParseHost(std::string_view text, Rule& rule) {
  rule.kind = Rule::Kind::kExact;
  if (text.starts_with("*.")) {
    rule.kind = Rule::Kind::kBelow;
    text.remove_prefix(2);
  }
  if (text.find('*') != std::string_view::npos) {
    return Error(Code::kInvalid, "'*' may only stand for the first labels: *.example.org");
  }
  ASSIGN_OR_RETURN(rule.host, CanonicalHost(text));
  if (rule.kind == Rule::Kind::kBelow && IsPublicSuffix(rule.host)) {
    return Error(Code::kInvalid,
                 "anybody can have a name below '" + rule.host + "'; name the hosts you mean");
  }
  return Ok();
}

std::string Spell(const Rule& rule) {
  std::string out;
  switch (rule.kind) {
    case Rule::Kind::kExact:
      out = rule.host;
      break;
    case Rule::Kind::kBelow:
      out = "*." + rule.host;
      break;
    case Rule::Kind::kNetwork:
      out = rule.network.base.v6
                ? "[" + rule.network.base.ToString() + "]/" + std::to_string(rule.network.bits)
                : rule.network.ToString();
      break;
  }
  for (size_t i = 0; i < rule.ports.size(); ++i) {
    out += (i == 0 ? ":" : ",") + std::to_string(rule.ports[i]);
  }
  return out;
}

Result<Rule> Parse(std::string_view text, Layer layer) {
  if (text.size() > kRuleBytesMax) return Error(Code::kInvalid, "it is over 1024 bytes");
  const size_t colon = text.rfind(':');
  // An IPv6 network keeps its own colons inside brackets, so the last colon is the ports'.
  const size_t bracket = text.rfind(']');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) {
    return Error(Code::kInvalid, "it has no port; write host:443");
  }
  Rule rule;
  rule.layer = layer;
  const std::string_view target = text.substr(0, colon);
  ASSIGN_OR_RETURN(rule.ports, ParsePorts(text.substr(colon + 1)));
  if (target.find('/') != std::string_view::npos) {
    RETURN_IF_ERROR(ParseNetwork(target, rule));
  } else {
    RETURN_IF_ERROR(ParseHost(target, rule));
  }
  rule.text = Spell(rule);
  return rule;
}

}  // namespace

std::string_view LayerName(Layer layer) {
  switch (layer) {
    case Layer::kNone:
      return "none";
    case Layer::kRegistries:
      return "registries";
    case Layer::kServer:
      return "server";
    case Layer::kOrganization:
      return "organization";
    case Layer::kSandbox:
      return "sandbox";
    case Layer::kBuiltIn:
      return "built_in";
  }
  return "none";
}

bool Rule::MatchesHost(std::string_view name) const {
  switch (kind) {
    case Kind::kExact:
      return name == host;
    case Kind::kBelow:
      return name.size() > host.size() + 1 && name.ends_with(host) &&
             name[name.size() - host.size() - 1] == '.';
    case Kind::kNetwork:
      return false;
  }
  return false;
}

bool Rule::MatchesPort(uint16_t port) const {
  return std::binary_search(ports.begin(), ports.end(), port);
}

Result<Rule> ParseRule(std::string_view text, Layer layer) {
  auto rule = Parse(text, layer);
  if (!rule)
    return std::move(rule).error().Wrap("egress rule '" + std::string(text.substr(0, 200)) + "'");
  return rule;
}

}  // namespace cove::policy
