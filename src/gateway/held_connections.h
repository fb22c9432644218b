// What the requests of one client's connection hold of the rules' `connections`.
//
// Concept: a request takes a place in the limit of each rule that allowed it. When it is over, the
// place stays with the client's connection for as long as a connection to the server that it was
// for is open and no other request uses that: what limits connections counts idle ones too. The
// next request to the same server takes that place again.
// Thread: loop-confined. It outlives the leases and the connections to servers that tell it.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace cove::gateway {

struct UsageEntry;

// Connections that may stand in for one another.
struct Route {
  enum class Protocol { kAny, kHttp1 };  // WebSockets are HTTP/1's
  std::string host;
  uint16_t port = 0;
  Protocol protocol = Protocol::kAny;
  auto operator<=>(const Route&) const = default;
};

class HeldConnections {
 public:
  HeldConnections() = default;
  HeldConnections(const HeldConnections&) = delete;

  // Closes idle connections to servers, for where their places are wanted.
  void set_drop_idle(std::function<void()> drop) { drop_idle_ = std::move(drop); }
  // False: `most` are in use, and nothing is taken.
  bool Take(const std::shared_ptr<UsageEntry>& rule, std::optional<uint32_t> most,
            const Route& route);
  // The request is over.
  void GiveBack(const std::shared_ptr<UsageEntry>& rule, const Route& route);
  // A connection to a server.
  void Opened(const Route& route) { ++open_[route]; }
  void Closed(const Route& route);

 private:
  using Key = std::pair<std::shared_ptr<UsageEntry>, Route>;
  struct Places {
    size_t busy = 0;
    size_t idle = 0;
  };
  // Gives up the idle ones that no connection is open for.
  void Trim(const Key& key);

  std::map<Key, Places> places_;
  std::map<Route, size_t> open_;
  std::function<void()> drop_idle_;
};

}  // namespace cove::gateway
