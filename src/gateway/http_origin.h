// Where a connection whose requests are read was going, as far as is known. Thread: a value.
#pragma once

#include <optional>
#include <string>

#include "gateway/destination.h"
#include "policy/reason.h"

namespace cove::gateway {

struct HttpOrigin {
  // kProxy: the client knows that it speaks to a proxy; each request says where it is to go.
  enum class Scheme { kHttp, kHttps, kProxy };
  Scheme scheme = Scheme::kHttp;
  std::optional<std::string> name;  // that it was looked up by, or that TLS was asked for
  Destination destination;
  // Not kAllowed: every request is refused for it, whatever it asks.
  policy::Reason turned_away = policy::Reason::kAllowed;
  // A rule allows the address itself: what no rule says about a name holds for it.
  bool by_number = false;

  bool https() const { return scheme == Scheme::kHttps; }
  bool proxy() const { return scheme == Scheme::kProxy; }
};

}  // namespace cove::gateway
