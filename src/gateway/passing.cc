#include "gateway/passing.h"

#include "gateway/dialer.h"
#include "gateway/hello_name.h"
#include "gateway/socket_tunnel.h"

namespace cove::gateway {
namespace {

using policy::Reason;

struct SettleTunnel {
  Ledger& ledger;
  Tunnel& tunnel;
  ~SettleTunnel() { ledger.AddBytes(tunnel.totals().a_to_b, tunnel.totals().b_to_a); }
};

// The bytes that were read to judge by. An idle tunnel keeps nothing of them.
[[gnu::noinline]] Task<bool> SendAhead(Incoming& in, Ledger& ledger, net::SocketStream& server) {
  const std::string ahead = in.first->TakeBytes();
  in.first.reset();
  server.set_write_timeout(in.box.deps.limits.hello_timeout);
  if (const auto paid = SpendBytes(ledger.lease(), ahead.size()); !paid) {
    ledger.set_outcome(Reason::kUsedUp, paid.error().message());
    server.MarkAborted();
    co_return false;
  }
  const auto sent = co_await server.Write(ahead);
  if (sent) {
    ledger.AddBytes(ahead.size(), 0);
    co_return true;
  }
  ledger.set_outcome(Reason::kBroken, sent.error().message());
  server.MarkAborted();
  co_return false;
}

Reason JudgeLate(const FirstBytes& first, const std::optional<std::string>& stand_in) {
  if (first.kind() == FirstBytes::Kind::kTls) return ReadHelloName(first.hello(), stand_in).reason;
  // HTTP is judged request by request, for which it is too late here: the client tries again.
  return first.kind() == FirstBytes::Kind::kOpaque ? Reason::kAllowed : Reason::kHelloTimeout;
}

[[gnu::noinline]] Task<void> PumpUndecided(Incoming& in, Ledger& ledger, net::ByteStream& server,
                                           StillAllowed still_allowed) {
  UndecidedClient guarded(*in.socket,
                          [&in](const FirstBytes& first) { return JudgeLate(first, in.stand_in); });
  StreamTunnel tunnel(guarded, server);
  const auto stream = std::move(in.socket);  // RunTunnel decides how it ends
  const SettleTunnel settle{ledger, tunnel};
  co_await RunTunnel(in.box, tunnel, ledger, std::move(still_allowed));
  if (guarded.verdict() != Reason::kAllowed) ledger.set_outcome(guarded.verdict());
}

[[gnu::noinline]] Task<void> Pump(Incoming& in, Ledger& ledger, Dialled dialled,
                                  StillAllowed still_allowed) {
  if (dialled.stream == nullptr) {
    ledger.set_outcome(dialled.reason, dialled.detail);
    co_return;
  }
  ledger.set_address(dialled.address);
  // A client that has said nothing yet (stand-in, opaque) is listened to once more; an address
  // rule asks for no name.
  in.socket->set_read_timeout({});
  if (in.first->bytes().empty() && in.stand_in) {
    co_await PumpUndecided(in, ledger, *dialled.stream, std::move(still_allowed));
    co_return;
  }
  if (!co_await SendAhead(in, ledger, *dialled.stream)) co_return;
  auto tunnel = SocketTunnel::Make(std::move(in.socket), std::move(dialled.stream));
  if (!tunnel) {
    ledger.set_outcome(Reason::kLimit, tunnel.error().message());
    co_return;
  }
  const SettleTunnel settle{ledger, **tunnel};
  co_await RunTunnel(in.box, **tunnel, ledger, std::move(still_allowed));
}

// Address rules allow each of these; `host` is for the audit.
[[gnu::noinline]] Task<void> PassToOneOf(Incoming& in, std::string host, policy::Decision decision,
                                         std::vector<net::SocketAddress> addresses) {
  Ledger ledger(*in.box.deps.audit);
  if (!co_await in.Open(ledger, "tcp", std::move(host), std::move(decision))) co_return;
  Dialled dialled = co_await DialAddresses(in.box, std::move(addresses));
  if (const auto address = policy::Address::Parse(dialled.address)) {
    in.destination.address = *address;
  }
  const auto still_allowed = [&in] {
    const auto policy = in.box.Policy();
    const auto local = in.box.deps.local_networks();
    if (policy == nullptr || !local) return false;
    const auto kind = policy::Classify(in.destination.address, *local);
    return policy->EvaluateAddress(in.destination.address, in.port(), kind).allow;
  };
  co_await Pump(in, ledger, std::move(dialled), still_allowed);
}

}  // namespace

Task<void> PassToName(Incoming& in, std::string channel, std::string host,
                      policy::Decision decision) {
  Ledger ledger(*in.box.deps.audit);
  if (!co_await in.Open(ledger, std::move(channel), host, std::move(decision))) co_return;
  Dialled dialled = co_await DialName(in.box, in.policy, host, in.port());
  const auto still_allowed = [&in, host = std::move(host)] {
    const auto policy = in.box.Policy();
    return policy != nullptr && policy->EvaluateTunnel(host, in.port()).allow;
  };
  co_await Pump(in, ledger, std::move(dialled), still_allowed);
}

Task<void> PassToAddress(Incoming& in, policy::Decision decision) {
  const auto address = net::SocketAddress::FromIp(in.destination.address.ToString(), in.port());
  if (!address) co_return;
  co_await PassToOneOf(in, "", std::move(decision), std::vector<net::SocketAddress>(1, *address));
}

Task<bool> LeadsToNetwork(Incoming& in) {
  if (in.turned_away != Reason::kAllowed || !in.stand_in) co_return false;
  if (in.stand_in == kModelHost || in.stand_in == kProxyHost) co_return false;
  if (!in.policy->MayLeadToNetwork(*in.stand_in, in.port())) co_return false;
  if (!in.by_network) {
    in.by_network = co_await JudgeByNetwork(in.box, in.policy, *in.stand_in, in.port());
  }
  co_return in.by_network->decision.allow;
}

Task<void> PassToNetwork(Incoming& in) {
  ByNetwork found = *std::move(in.by_network);
  in.by_network.reset();
  // From here on it is a connection by number, which says no name.
  std::string host = *std::exchange(in.stand_in, std::nullopt);
  co_await PassToOneOf(in, std::move(host), std::move(found.decision), std::move(found.addresses));
}

}  // namespace cove::gateway
