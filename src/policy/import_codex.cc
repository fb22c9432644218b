#include <algorithm>
#include <array>

#include "policy/draft.h"
#include "policy/import.h"
#include "policy/node_parts.h"

namespace cove::policy {
namespace {

// About how Codex's own proxy is run; Cove's gateway needs none of it.
constexpr auto kOfTheProxy =
    std::to_array<std::string_view>({"proxy_url", "socks_url", "enable_socks5", "enable_socks5_udp",
                                     "allow_upstream_proxy", "dangerously_allow_non_loopback_proxy",
                                     "dangerously_allow_all_unix_sockets", "unix_sockets", "mitm"});

Result<const Node*> FindProfile(const Node& file, std::string_view wanted) {
  const Node* permissions = Entry(file, "permissions");
  if (permissions == nullptr || permissions->kind != Node::Kind::kTable) {
    return Error(Code::kInvalid, "there is no table [permissions.NAME.network] in it");
  }
  std::string name(wanted);
  const Node* chosen = Entry(file, "default_permissions");
  if (chosen != nullptr && chosen->kind != Node::Kind::kText) {
    return chosen->Wrong("default_permissions is the name of a profile, in quotes");
  }
  if (name.empty() && chosen != nullptr) name = chosen->text;
  if (name.empty() && permissions->entries.size() == 1) name = permissions->entries[0].key;
  if (name.empty()) {
    return permissions->Wrong("there are several profiles: choose one with --profile NAME");
  }
  const Node* profile = Entry(*permissions, name);
  const Node* network = profile == nullptr ? nullptr : Entry(*profile, "network");
  if (network == nullptr || network->kind != Node::Kind::kTable) {
    return permissions->Wrong("there is no table [permissions." + name + ".network]");
  }
  return network;
}

Result<void> ReadDomains(const Node& domains, std::vector<std::string>& allow, Draft& draft) {
  if (domains.kind != Node::Kind::kTable) return domains.Wrong("domains is a table");
  for (const NodeEntry& entry : domains.entries) {
    if (entry.value.text == "none") continue;
    const bool deny = entry.value.text == "deny";
    if (!deny && entry.value.text != "allow") {
      return entry.value.Wrong("a domain is \"allow\", \"deny\" or \"none\"");
    }
    // A denial is of every port, where it says none.
    const bool bare = ParseTarget(entry.key, Layer::kSandbox).ok();
    const std::string text = deny && bare ? entry.key + ":*" : entry.key;
    const auto rule = ParseRule(text, Layer::kSandbox);
    if (!rule && !deny) {
      // Its own machine, which a sandbox has of its own: nothing to open here.
      draft.notes.push_back("left out: " + entry.key + " (" + rule.error().message() + ")");
      continue;
    }
    if (!rule) return entry.value.Wrong(rule.error().message());
    (deny ? draft.deny : allow).push_back(text);
  }
  return Ok();
}

Result<void> CheckKeys(const Node& network, Draft& draft) {
  for (const NodeEntry& entry : network.entries) {
    if (entry.key == "enabled" || entry.key == "mode" || entry.key == "domains") continue;
    if (std::find(kOfTheProxy.begin(), kOfTheProxy.end(), entry.key) != kOfTheProxy.end()) {
      draft.notes.push_back("left out: " + entry.key + ", which is about Codex's own proxy");
    } else if (entry.key == "allow_local_binding") {
      draft.notes.push_back(
          "left out: allow_local_binding; private addresses are the operator's "
          "to open, loopback is the sandbox's own");
    } else {
      return entry.value.Wrong("the key '" + entry.key + "' is not known");
    }
  }
  return Ok();
}

}  // namespace

Result<std::string> ImportCodex(std::string_view text, std::string_view profile) {
  ASSIGN_OR_RETURN(const Node file, NodeFromToml(text, "config.toml"));
  ASSIGN_OR_RETURN(const Node* network, FindProfile(file, profile));
  Draft draft;
  draft.notes = {"From Codex's permission profile."};
  RETURN_IF_ERROR(CheckKeys(*network, draft));
  const Node* enabled = Entry(*network, "enabled");
  if (enabled != nullptr && enabled->kind != Node::Kind::kBoolean) {
    return enabled->Wrong("enabled is true or false, without quotes");
  }
  const Node* mode = Entry(*network, "mode");
  const bool limited = mode != nullptr && mode->text == "limited";
  if (mode != nullptr && !limited && mode->text != "full") {
    return mode->Wrong("mode is \"full\" or \"limited\"");
  }
  if (enabled == nullptr || !enabled->flag) return draft.ToToml();
  std::vector<std::string> allow;
  if (const Node* domains = Entry(*network, "domains")) {
    RETURN_IF_ERROR(ReadDomains(*domains, allow, draft));
  }
  if (!limited) {
    draft.allow = std::move(allow);
    return draft.ToToml();
  }
  for (const std::string& host : allow) {
    if (!ParseRule(host, Layer::kSandbox)->network) continue;
    return mode->Wrong("\"limited\" is about requests, which nobody reads by number: leave '" +
                       host + "' out, or the mode");
  }
  if (!allow.empty()) {
    DraftRule rule;
    rule.hosts = std::move(allow);
    rule.methods = {"GET", "HEAD", "OPTIONS"};
    rule.inspect = true;
    draft.rules.push_back(std::move(rule));
  }
  return draft.ToToml();
}

}  // namespace cove::policy
