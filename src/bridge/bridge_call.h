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
  TimePoint sent_at{};  // when the call was given to the provider

  Outgoing::From from() const {
    return caller.sandbox.value.empty() ? Outgoing::From::kOutside : Outgoing::From::kSandbox;
  }
};

struct Bridge::Judged {
  CallStart start;
  std::string edited;  // the body that is sent; empty: as it came
  bool usage_added = false;
  std::string prompt;
  std::string alias;
};

inline microseconds Since(TimePoint start) {
  return std::chrono::duration_cast<microseconds>(Now() - start);
}

// In the book's words when there is no book.
inline ProviderError NoRecord() {
  return {503, "cove_no_record",
          "Cove could not write the call into its book, so it was not made. The server's log says "
          "why."};
}

}  // namespace cove::bridge
