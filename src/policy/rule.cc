#include "policy/rule.h"

#include <algorithm>

#include "base/text.h"

namespace cove::policy {
namespace {

constexpr size_t kRuleBytesMax = 1024;
constexpr size_t kCredentialNameBytesMax = 255;

bool IsAsciiAlnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

PortSet WebPorts() {
  PortSet ports = PortSet::Of(80, 80);
  ports.Add(PortSet::Of(443, 443));
  return ports;
}

std::string SpellNetwork(const Prefix& network) {
  if (!network.base.v6) return network.ToString();
  return "[" + network.base.ToString() + "]/" + std::to_string(network.bits);
}

// Where the ports begin: the first colon after the bits of a network, else the last one, unless it
// belongs to an IPv6 address in brackets.
size_t PortsColon(std::string_view text) {
  if (const size_t slash = text.find('/'); slash != std::string_view::npos) {
    return text.find(':', slash);
  }
  const size_t colon = text.rfind(':');
  const size_t bracket = text.rfind(']');
  const bool inside =
      colon != std::string_view::npos && bracket != std::string_view::npos && colon < bracket;
  return inside ? std::string_view::npos : colon;
}

enum class Ports { kOwn, kElsewhere };

// What was meant by a URL, or a host with a path, that stands where a host does.
Result<void> CheckIsNoUrl(std::string_view text) {
  const size_t scheme = text.find("://");
  std::string_view host = scheme == std::string_view::npos ? text : text.substr(scheme + 3);
  const size_t end = host.find_first_of("/?#");
  if (scheme == std::string_view::npos && end == std::string_view::npos) return Ok();
  host = host.substr(0, end);
  const bool is_host = HostPattern::Parse(host.substr(0, PortsColon(host))).ok();
  if (scheme == std::string_view::npos && !is_host) return Ok();  // a network, it may be
  return Error(Code::kInvalid, "write the host alone, without https:// and path: \"" +
                                   std::string(is_host ? host : "example.org") +
                                   "\"; paths go into 'paths' of a [[rule]]");
}

// An address goes by the name of the network that holds nothing else.
Result<void> CheckIsNoAddress(std::string_view text, Ports where) {
  const size_t close = text.starts_with('[') ? text.find(']') : std::string_view::npos;
  const bool bracketed = close != std::string_view::npos;
  std::string_view plain = bracketed ? text.substr(1, close - 1) : text;
  std::string_view ports = bracketed ? text.substr(close + 1) : "";
  if (!bracketed && !Address::Parse(plain)) {
    const size_t colon = text.find(':');
    if (colon != std::string_view::npos) ports = text.substr(colon);
    plain = text.substr(0, colon);
  }
  const auto address = Address::Parse(plain);
  if (!address || (!ports.empty() && !ports.starts_with(':'))) return Ok();
  std::string network = SpellNetwork({*address, static_cast<uint8_t>(address->v6 ? 128 : 32)});
  if (where == Ports::kOwn) network += ports.empty() ? ":443" : std::string(ports);
  return Error(Code::kInvalid, "an address is written as a network: \"" + network + "\"");
}

Result<void> CheckPorts(std::string_view text, size_t colon, Ports where) {
  const bool own = colon != std::string_view::npos;
  if (own && where == Ports::kElsewhere) {
    return Error(Code::kInvalid, "the rule has 'ports' as well: write the port in one place, \"" +
                                     std::string(text.substr(0, colon)) + "\" here or no 'ports'");
  }
  if (!own && where == Ports::kOwn && text.find('/') != std::string_view::npos) {
    return Error(Code::kInvalid, "a network needs ports; write 203.0.113.0/24:22, or :* for all");
  }
  return Ok();
}

Result<Rule> Parse(std::string_view text, Layer layer, Ports where) {
  if (text.size() > kRuleBytesMax) return Error(Code::kInvalid, "it is over 1024 bytes");
  RETURN_IF_ERROR(CheckIsNoUrl(text));
  RETURN_IF_ERROR(CheckIsNoAddress(text, where));
  Rule rule;
  rule.layer = layer;
  const size_t colon = PortsColon(text);
  RETURN_IF_ERROR(CheckPorts(text, colon, where));
  if (colon != std::string_view::npos) {
    ASSIGN_OR_RETURN(rule.ports, PortSet::Parse(text.substr(colon + 1)));
  } else if (where == Ports::kOwn) {
    rule.ports = WebPorts();
  }
  const std::string_view target = text.substr(0, colon);
  if (target.find('/') != std::string_view::npos) {
    ASSIGN_OR_RETURN(rule.network, ParseNetwork(target));
  } else {
    ASSIGN_OR_RETURN(rule.host, HostPattern::Parse(target));
  }
  Spell(rule);
  return rule;
}

Result<Rule> ParseNamed(std::string_view text, Layer layer, Ports where) {
  auto rule = Parse(text, layer, where);
  if (!rule)
    return std::move(rule).error().Wrap("egress rule '" + std::string(text.substr(0, 200)) + "'");
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
    case Layer::kTemplate:
      return "template";
    case Layer::kSandbox:
      return "sandbox";
    case Layer::kBuiltIn:
      return "built_in";
  }
  return "none";
}

Result<Prefix> ParseNetwork(std::string_view text) {
  std::string plain(text);
  if (plain.starts_with('[')) {
    const size_t close = plain.find(']');
    if (close == std::string::npos) return Error(Code::kInvalid, "'[' without ']'");
    plain = plain.substr(1, close - 1) + plain.substr(close + 1);
  }
  const auto network = Prefix::Parse(plain);
  if (!network) {
    return Error(Code::kInvalid, "'" + plain +
                                     "' is no network such as 203.0.113.0/24 or 2001:db8::/32 (the "
                                     "bits after the prefix must be zero)");
  }
  // Nothing is dialled in that form, so as a denial it would close nothing.
  const Prefix mapped = *Prefix::Parse("::ffff:0:0/96");
  if (network->base.v6 && network->bits >= mapped.bits && mapped.Contains(network->base)) {
    Address plain;
    std::copy_n(network->base.bytes.begin() + 12, 4, plain.bytes.begin());
    const Prefix v4{plain, static_cast<uint8_t>(network->bits - mapped.bits)};
    return Error(Code::kInvalid,
                 "a network of IPv4 is written as one: \"" + SpellNetwork(v4) + "\"");
  }
  return *network;
}

Result<void> CheckCredentialName(std::string_view name) {
  const bool sound = !name.empty() && name.size() <= kCredentialNameBytesMax &&
                     std::all_of(name.begin(), name.end(), [](char c) {
                       return IsAsciiAlnum(c) || c == '-' || c == '_' || c == '.';
                     });
  if (sound) return Ok();
  return Error(Code::kInvalid,
               "a credential is the name of a secret: letters, digits, '-', '_' and '.'");
}

namespace {

constexpr size_t kListBytesSpelled = 512;

// FNV-1a, so that rules which differ in what is cut are not one to who counts by their text.
std::string Mark(const std::vector<std::string_view>& items) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](char c) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  };
  for (const std::string_view item : items) {
    for (const char c : item) add(c);
    add('\n');
  }
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (int bits = 60; bits >= 0; bits -= 4) out += kDigits[hash >> bits & 15];
  return out;
}

// The list, or its beginning and what tells it from others: each host of a rule has a text.
std::string SpellList(const std::vector<std::string_view>& items, std::string_view separator,
                      std::string_view what) {
  std::string out;
  size_t shown = 0;
  for (; shown < items.size(); ++shown) {
    if (out.size() + items[shown].size() > kListBytesSpelled) break;
    out += (shown > 0 ? std::string(separator) : "") + std::string(items[shown]);
  }
  if (shown == items.size()) return out;
  out += (shown > 0 ? " and " : "") + std::to_string(items.size() - shown) + " ";
  return out + (shown > 0 ? "more " : "") + std::string(what) + " (" + Mark(items) + ")";
}

}  // namespace

void Spell(Rule& rule) {
  rule.text = rule.effect == Effect::kDeny ? "deny " : "";
  rule.text += rule.network ? SpellNetwork(*rule.network) : rule.host.ToString();
  rule.text += ":" + rule.ports.ToString();
  if (!rule.methods.empty()) {
    const auto& methods = rule.methods.items();
    rule.text += " " + SpellList({methods.begin(), methods.end()}, ",", "methods");
  }
  if (!rule.paths.empty()) {
    std::vector<std::string_view> paths;
    for (const PathPattern& path : rule.paths) paths.push_back(path.text());
    rule.text += " " + SpellList(paths, " ", "paths");
  }
  if (rule.inspect) rule.text += " inspect";
  if (rule.limits.connections) {
    rule.text += " connections=" + std::to_string(*rule.limits.connections);
  }
  if (rule.limits.bytes) rule.text += " bytes=" + std::to_string(*rule.limits.bytes);
  if (rule.limits.rate) {
    rule.text += " rate=" + std::to_string(rule.limits.rate->count) + "/" +
                 std::to_string(rule.limits.rate->per.count()) + "s";
  }
  if (rule.log_requests) rule.text += " log=requests";
  if (!rule.credential.empty()) rule.text += " credential=" + rule.credential;
  rule.limits.rule = rule.limits.any() ? rule.text : "";
}

Result<Rule> ParseRule(std::string_view text, Layer layer) {
  return ParseNamed(text, layer, Ports::kOwn);
}

Result<Rule> ParseTarget(std::string_view text, Layer layer) {
  return ParseNamed(text, layer, Ports::kElsewhere);
}

}  // namespace cove::policy
