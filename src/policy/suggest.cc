#include "policy/suggest.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"
#include "policy/host_name.h"
#include "policy/reason.h"

namespace cove::policy {
namespace {

constexpr size_t kPathsMax = 16;
constexpr size_t kNotesMax = 50;

constexpr auto kMendable = std::to_array<Reason>(
    {Reason::kAllowed, Reason::kNoRule, Reason::kPortNotAllowed, Reason::kRequestNotAllowed,
     Reason::kNeedsInspection, Reason::kAboveCeiling, Reason::kDnsOverHttps, Reason::kNoName});

bool IsMendable(const std::string& reason) {
  return std::any_of(kMendable.begin(), kMendable.end(),
                     [&](Reason r) { return ReasonName(r) == reason; });
}

bool IsCapital(std::string_view method) {
  return std::all_of(method.begin(), method.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

struct Requests {
  std::set<uint16_t> ports;
  std::set<std::string> methods;
  std::set<std::string> paths;
};

struct HostNeeds {
  std::set<uint16_t> ports;    // connections whose bytes nobody read
  std::set<uint16_t> inspect;  // where requests were to be judged and could not be read
  Requests tls;
  Requests plain;
  bool asked = false;  // of DNS
};

// Many paths become what is below their first segment; still many become all.
std::vector<std::string> Fold(const std::set<std::string>& paths) {
  if (paths.size() <= kPathsMax) return {paths.begin(), paths.end()};
  std::set<std::string> folded;
  for (const std::string& path : paths) {
    const size_t slash = path.find('/', 1);
    folded.insert(slash == std::string::npos ? path : path.substr(0, slash) + "/**");
  }
  if (folded.size() > kPathsMax) return {};
  return {folded.begin(), folded.end()};
}

DraftRule RuleFor(const std::string& host, const Requests& requests) {
  DraftRule rule;
  rule.hosts = {host};
  rule.ports = requests.ports;
  rule.methods = {requests.methods.begin(), requests.methods.end()};
  rule.paths = Fold(requests.paths);
  return rule;
}

std::string WithPorts(const std::string& host, const std::set<uint16_t>& ports) {
  std::vector<std::string> texts;
  for (const uint16_t port : ports) texts.push_back(std::to_string(port));
  return texts.empty() ? host : host + ":" + Join(texts, ",");
}

void AddHost(const std::string& host, const HostNeeds& needs, Draft& draft) {
  if (!needs.tls.ports.empty()) {
    draft.rules.push_back(RuleFor(host, needs.tls));
    draft.rules.back().inspect = true;
  } else if (!needs.inspect.empty()) {
    DraftRule rule;
    rule.hosts = {host};
    rule.ports = needs.inspect;
    rule.inspect = true;
    draft.rules.push_back(std::move(rule));
  }
  if (!needs.plain.ports.empty()) draft.rules.push_back(RuleFor(host, needs.plain));
  const bool only_asked =
      needs.asked && needs.tls.ports.empty() && needs.inspect.empty() && needs.plain.ports.empty();
  if (!needs.ports.empty() || only_asked) draft.allow.push_back(WithPorts(host, needs.ports));
}

std::string NoteOf(const Attempt& a) {
  const std::string where = a.host.empty() ? a.address : a.host;
  return "no rule mends: " + where + (a.port != 0 ? ":" + std::to_string(a.port) : "") + " (" +
         a.reason + ")";
}

class Suggester {
 public:
  void Add(const Attempt& a) {
    if (a.channel == "model") return;
    if (!IsMendable(a.reason) || !(a.host.empty() ? AddAddress(a) : AddName(a))) {
      if (notes_.size() < kNotesMax) notes_.insert(NoteOf(a));
    }
  }

  Draft Finish() const {
    Draft draft;
    draft.notes = {notes_.begin(), notes_.end()};
    for (const auto& [address, ports] : addresses_) {
      draft.allow.push_back(WithPorts(address, ports));
    }
    for (const auto& [host, needs] : hosts_) AddHost(host, needs, draft);
    return draft;
  }

 private:
  bool AddAddress(const Attempt& a) {
    const auto address = Address::Parse(a.address);
    if (!address || a.port == 0) return false;
    const std::string text = address->ToString();
    addresses_[address->v6 ? "[" + text + "]/128" : text + "/32"].insert(a.port);
    return true;
  }

  bool AddName(const Attempt& a) {
    const auto host = CanonicalHost(a.host);
    if (!host) return false;
    HostNeeds needs = hosts_[*host];
    if (a.port == 0) {
      needs.asked = true;
    } else if (!a.method.empty()) {
      Requests& requests = a.channel == "https" ? needs.tls : needs.plain;
      const bool sound = a.path.find('*') == std::string::npos && PathPattern::Parse(a.path).ok() &&
                         IsCapital(a.method);
      if (!sound) return false;
      requests.ports.insert(a.port);
      requests.methods.insert(a.method);
      requests.paths.insert(a.path);
    } else if (a.reason == ReasonName(Reason::kNeedsInspection)) {
      needs.inspect.insert(a.port);
    } else {
      needs.ports.insert(a.port);
    }
    hosts_[*host] = std::move(needs);
    return true;
  }

  std::map<std::string, HostNeeds> hosts_;
  std::map<std::string, std::set<uint16_t>> addresses_;
  std::set<std::string> notes_;
};

}  // namespace

Draft Suggest(std::span<const Attempt> attempts) {
  Suggester suggester;
  for (const Attempt& attempt : attempts) suggester.Add(attempt);
  return suggester.Finish();
}

}  // namespace cove::policy
