#include "policy/suggest.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"
#include "policy/address.h"
#include "policy/host_name.h"
#include "policy/method.h"
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

// Asked for the name of an address (RFC 1035 3.5, RFC 3596 2.5): it leads nowhere.
bool IsReverseName(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const std::string name = ToLower(host);
  return name.ends_with(".in-addr.arpa") || name.ends_with(".ip6.arpa");
}

// The paths by port and method: a pair that nobody asked for is in no rule.
using Paths = std::set<std::string>;
using Requests = std::map<uint16_t, std::map<std::string, Paths>>;

struct HostNeeds {
  std::set<uint16_t> ports;    // connections whose bytes nobody read
  std::set<uint16_t> inspect;  // where requests were to be judged and could not be read
  Requests tls;
  Requests plain;
  std::set<uint16_t> several;  // of plain requests, where not each is on record
  bool asked = false;          // of DNS
};

// Many paths of one method become what is below their first segment; still many become all.
Paths Fold(const Paths& paths) {
  if (paths.size() <= kPathsMax) return paths;
  Paths folded;
  for (const std::string& path : paths) {
    const size_t slash = path.find('/', 1);
    folded.insert(slash == std::string::npos ? path : path.substr(0, slash) + "/**");
  }
  if (folded.size() > kPathsMax) return {};
  return folded;
}

enum class Tls { kNo, kOpened };

std::string FoldedNote(const std::string& host, const std::string& method, size_t paths) {
  return "wider than what was tried: " + method + " on " + host + ", for it had " +
         std::to_string(paths) + " paths";
}

// Methods share a rule where they have the same paths, and nowhere else.
void AddRequests(const std::string& host, const Requests& requests, Tls tls, Draft& draft) {
  for (const auto& [port, by_method] : requests) {
    std::map<Paths, std::vector<std::string>> by_paths;
    for (const auto& [method, paths] : by_method) {
      by_paths[Fold(paths)].push_back(method);
      if (paths.size() > kPathsMax) draft.notes.push_back(FoldedNote(host, method, paths.size()));
    }
    for (const auto& [paths, methods] : by_paths) {
      DraftRule rule;
      rule.hosts = {host};
      rule.ports = {port};
      rule.methods = methods;
      rule.paths = {paths.begin(), paths.end()};
      rule.inspect = tls == Tls::kOpened;
      draft.rules.push_back(std::move(rule));
    }
  }
}

std::string WithPorts(const std::string& host, const std::set<uint16_t>& ports) {
  std::vector<std::string> texts;
  for (const uint16_t port : ports) texts.push_back(std::to_string(port));
  return texts.empty() ? host : host + ":" + Join(texts, ",");
}

// A rule for the whole port would allow every request beside those that were read on it.
std::set<uint16_t> WholePorts(const std::string& host, const HostNeeds& needs, Draft& draft) {
  std::set<uint16_t> out = needs.several;
  for (const uint16_t port : needs.ports) {
    if (needs.inspect.contains(port) || needs.several.contains(port)) continue;
    const bool read = needs.tls.contains(port) || needs.plain.contains(port);
    if (!read) {
      out.insert(port);
      continue;
    }
    draft.notes.push_back("narrower than what was tried: " + host + ":" + std::to_string(port) +
                          " had connections that nobody read beside requests that were; only "
                          "these are in a rule");
  }
  return out;
}

void AddHost(const std::string& host, const HostNeeds& needs, Draft& draft) {
  AddRequests(host, needs.tls, Tls::kOpened, draft);
  DraftRule unread;
  for (const uint16_t port : needs.inspect) {
    if (!needs.tls.contains(port)) unread.ports.insert(port);
  }
  if (!unread.ports.empty()) {
    unread.hosts = {host};
    unread.inspect = true;
    draft.rules.push_back(std::move(unread));
  }
  Requests plain = needs.plain;
  for (const uint16_t port : needs.several) plain.erase(port);
  AddRequests(host, plain, Tls::kNo, draft);
  const bool only_asked =
      needs.asked && needs.tls.empty() && needs.inspect.empty() && needs.plain.empty();
  const std::set<uint16_t> whole = WholePorts(host, needs, draft);
  const bool nothing_else = only_asked && needs.ports.empty();
  if (!whole.empty() || nothing_else) draft.allow.push_back(WithPorts(host, whole));
}

std::string NoteOf(const Attempt& a) {
  const std::string where = a.host.empty() ? a.address : a.host;
  const std::string at = where + (a.port != 0 ? ":" + std::to_string(a.port) : "");
  if (a.path_is == Attempt::Path::kCut) {
    return "left out: " + a.method + " on " + at +
           ", for the audit has only the beginning of its path: " + a.path;
  }
  return "no rule mends: " + at + " (" + a.reason + ")";
}

// A request that went to an address and had it for its host.
bool IsByNumber(const Attempt& a) {
  const auto host = Address::Parse(a.host);
  return a.host.empty() || (host && host == Address::Parse(a.address));
}

// What is below the last whole segment of a path's beginning; empty: that would be every path.
std::string BelowLastSegment(const std::string& beginning) {
  const size_t slash = beginning.rfind('/');
  if (slash == std::string::npos || slash == 0) return {};
  return beginning.substr(0, slash) + "/**";
}

class Suggester {
 public:
  void Add(const Attempt& a) {
    if (a.channel == "model" || IsReverseName(a.host)) return;
    if (!IsMendable(a.reason) || !(IsByNumber(a) ? AddAddress(a) : AddName(a))) Note(NoteOf(a));
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
    } else if (a.of_several) {
      needs.several.insert(a.port);
      Note("wider than what was tried: " + *host + ":" + std::to_string(a.port) +
           ", for connections had several requests and the audit has the first of each; "
           "log = \"requests\" on its rule records all");
    } else if (!a.method.empty()) {
      if (!AddRequest(a, a.channel == "https" ? needs.tls : needs.plain)) return false;
    } else if (a.reason == ReasonName(Reason::kNeedsInspection)) {
      needs.inspect.insert(a.port);
    } else {
      needs.ports.insert(a.port);
    }
    hosts_[*host] = std::move(needs);
    return true;
  }

  bool AddRequest(const Attempt& a, Requests& requests) {
    const bool cut = a.path_is == Attempt::Path::kCut;
    const std::string path = cut ? BelowLastSegment(a.path) : a.path;
    const bool stars = a.path.find('*') != std::string::npos;
    if (stars || !CheckMethod(a.method) || !PathPattern::Parse(path)) return false;
    requests[a.port][a.method].insert(path);
    if (cut) {
      Note("wider than what was tried: " + a.method + " on " + a.host + path +
           ", for the audit has only the beginning of a long path");
    }
    return true;
  }

  void Note(std::string text) {
    if (notes_.size() < kNotesMax) notes_.insert(std::move(text));
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
