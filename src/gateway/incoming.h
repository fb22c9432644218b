// A redirected connection while it is found out what it is: where it was going, by which name, what
// it said first. Whoever goes on with it (proxy_entry.h, passing.h, by_request.h) takes its socket.
//
// A socket that was not taken ends with a reset: a refusal must not look like an orderly end.
// Thread: loop-confined. The box must outlive it, and it the tasks that are given it.
#pragma once

#include "gateway/box.h"
#include "gateway/by_network.h"
#include "gateway/client_stream.h"
#include "gateway/first_bytes.h"
#include "gateway/ledger.h"

namespace cove::gateway {

struct Incoming {
  // `turned_away`: kAllowed, or why the client only gets to hear that it is not served.
  Incoming(Box& b, UniqueFd fd, policy::Reason turned_away);
  ~Incoming();
  Incoming(const Incoming&) = delete;

  // The original destination. False: refused and recorded.
  bool FindDestination();
  // The name that it was looked up by.
  void FindStandIn();
  // With the policy: whether the address itself is allowed.
  policy::Decision JudgeAddress() const;
  // Judges anew by the policy that holds now; false: there is none.
  bool JudgeAnew();
  // What the name leads to takes its place: from here on it is a connection by number.
  void TakeNetwork();
  // An unread protocol is let through only to a looked-up name, on a port that is not the web's, or
  // by number.
  bool MayBeOpaque() const;
  // Reads what the client says first until it is clear what it speaks. kQuiet: it says nothing, and
  // its server may be the one who speaks first.
  enum class Heard { kClear, kQuiet, kClosed, kTimeout };
  [[gnu::noinline]] Task<Heard> ReadFirstBytes();
  uint16_t port() const { return destination.port; }

  audit::Record Row(std::string channel, std::string host, const policy::Decision& decision) const;
  void Deny(policy::Reason reason, std::string channel, std::string host,
            const policy::Decision& decision = {}, std::string detail = {});
  // The decision durable and the rule's limits taken. False: refused and recorded.
  [[gnu::noinline]] Task<bool> Open(Ledger& ledger, std::string channel, std::string host,
                                    policy::Decision decision);

  Box& box;
  const policy::Reason turned_away;
  std::unique_ptr<net::SocketStream> socket;
  Destination destination;
  std::string claimed;  // where the client said that it goes, for the audit
  std::optional<std::string> stand_in;
  policy::Decision by_stand_in;
  std::optional<ByNetwork> by_network;  // what that name leads to, once it was looked up
  // A rule allows the address itself, or these, which the name `looked_up` leads to.
  std::optional<policy::Decision> by_number;
  std::vector<net::SocketAddress> addresses;
  std::string looked_up;
  std::shared_ptr<const policy::Policy> policy;
  std::unique_ptr<FirstBytes> first = std::make_unique<FirstBytes>();
  Counters counters;  // of HTTP
};

}  // namespace cove::gateway
