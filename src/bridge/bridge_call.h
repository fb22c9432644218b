// What the files of Bridge share about one call. For bridge*.cc only.
#pragma once

#include "bridge/bridge.h"

namespace cove::bridge {

// References: the exchange outlives Serve, the provider is the bridge's own.
struct Bridge::InFlight {
  Caller caller;
  http::Exchange& exchange;
  std::string path;
  http::RequestHead head;  // as it goes to the provider
  const Provider* provider = nullptr;
  Route route;
  std::string model;    // that the provider is asked for
  std::string asked;    // the hash of what the agent asked, while there is a tape
  TimePoint sent_at{};  // when the call was given to the provider
  Seat seat;            // until the call has its ticket
  HeldShare held;       // of Limits::held_bytes_max

  Outgoing::From from() const {
    return !caller.key_id.empty() ? Outgoing::From::kOutside : Outgoing::From::kSandbox;
  }
};

struct Bridge::Body {
  std::string sent;                    // as it came
  std::optional<std::string> decoded;  // where that was compressed
  std::string_view text() const { return decoded ? *decoded : sent; }
};

struct Bridge::Judged {
  CallStart start;
  std::string edited;  // the body that is sent; empty: as it came
  std::string target;  // in place of the route's, where an alias stands in it; empty: the route's
  bool usage_added = false;
  std::string prompt;
  std::string alias;
};

// Why what has come of a request is not read on.
std::optional<ProviderError> NoRoom(HeldBytes::Room room);
ProviderError TooSlow(const Limits& limits);
// Why a text is no request.
ProviderError Unparsed(const Error& error);

inline microseconds Since(TimePoint start) {
  return std::chrono::duration_cast<microseconds>(Now() - start);
}

}  // namespace cove::bridge
