#include "gateway/passing.h"

#include "gateway/dialer.h"
#include "gateway/second_hello.h"
#include "gateway/socket_tunnel.h"

namespace cove::gateway {
namespace {

using policy::Reason;

// The box knows whom a tunnel goes to for as long as it is there.
class OpenTo {
 public:
  OpenTo(Box& box, const std::string& host) : box_(box), at_(box.open_to.insert(host)) {}
  ~OpenTo() { box_.open_to.erase(at_); }
  OpenTo(const OpenTo&) = delete;

 private:
  Box& box_;
  std::multiset<std::string>::iterator at_;
};

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

// What it says after it was let through because it said nothing.
Reason JudgeLate(Incoming& in) {
  if (!in.JudgeAnew()) return Reason::kPolicyUnavailable;
  switch (in.first->kind()) {
    case FirstBytes::Kind::kTls: {
      const HelloName name = ReadHelloName(in.first->hello(), in.stand_in);
      return in.by_number ? JudgeNameByNumber(in, name) : name.reason;
    }
    case FirstBytes::Kind::kOpaque:
      return Reason::kAllowed;
    case FirstBytes::Kind::kBadTls:
      return Reason::kMalformed;
    // HTTP is judged request by request, for which it is too late here: the client tries again.
    case FirstBytes::Kind::kHttp:
    case FirstBytes::Kind::kNeedMore:
      break;
  }
  return Reason::kHelloTimeout;
}

struct Word {
  bool spoken = false;
  Result<bool> what = false;  // false: the end
};

Task<void> AwaitWord(net::SocketStream& stream, Word* word, async::Event* spoken) {
  word->what = co_await stream.AwaitBytes();
  word->spoken = true;
  spoken->Set();
}

// Until one of them speaks, or it is over: then the outcome is set.
[[gnu::noinline]] Task<bool> AwaitAnyWord(Incoming& in, Ledger& ledger, net::SocketStream& server,
                                          const StillAllowed& still_allowed, Word* client) {
  const TimePoint deadline = Now() + in.box.deps.limits.tunnel_idle_timeout;
  Word banner;
  async::Event spoken;
  async::TaskGroup group;
  group.Spawn(AwaitWord(*in.socket, client, &spoken));
  group.Spawn(AwaitWord(server, &banner, &spoken));
  const Flows::Member member(in.box.flows, spoken);
  while (!spoken.is_set()) {
    if (!still_allowed()) {
      ledger.set_outcome(Reason::kRevoked);
      co_return false;
    }
    if (!co_await spoken.Wait(deadline)) {
      ledger.set_outcome(Reason::kIdle);
      co_return false;
    }
  }
  for (const Word* word : {static_cast<const Word*>(client), static_cast<const Word*>(&banner)}) {
    if (word->what) continue;
    ledger.set_outcome(Reason::kBroken, word->what.error().message());
    co_return false;
  }
  co_return true;
}

// Nobody has spoken yet. Whoever does first settles it: the server (a banner), then all passes; or
// the client, then its first bytes are judged like those of any other. False: it is over.
[[gnu::noinline]] Task<bool> Decide(Incoming& in, Ledger& ledger, net::SocketStream& server,
                                    const StillAllowed& still_allowed) {
  Word client;
  if (!co_await AwaitAnyWord(in, ledger, server, still_allowed, &client)) co_return false;
  if (!client.spoken || !*client.what) co_return true;
  Reason reason = Reason::kAllowed;
  switch (co_await in.ReadFirstBytes()) {
    case Incoming::Heard::kClosed:
      reason = Reason::kClientClosed;
      break;
    case Incoming::Heard::kTimeout:
      reason = Reason::kHelloTimeout;
      break;
    case Incoming::Heard::kClear:
    case Incoming::Heard::kQuiet:
      reason = JudgeLate(in);
      break;
  }
  in.socket->set_read_timeout({});
  if (reason != Reason::kAllowed) ledger.set_outcome(reason);
  co_return reason == Reason::kAllowed;
}

Reason JudgeSecond(const Incoming& in, const std::string& host, const HelloName& name) {
  if (in.by_number) return JudgeNameByNumber(in, name);
  if (name.reason != Reason::kAllowed) return name.reason;
  return name.host == host ? Reason::kAllowed : Reason::kNameMismatch;
}

// `host` outlives it.
[[gnu::noinline]] Task<void> Pump(Incoming& in, Ledger& ledger, Dialled dialled,
                                  const std::string& host, StillAllowed still_allowed) {
  if (dialled.stream == nullptr) {
    ledger.set_outcome(dialled.reason, dialled.detail);
    co_return;
  }
  ledger.set_address(dialled.address);
  // A client that has said nothing yet is listened to once more where a name could matter.
  in.socket->set_read_timeout({});
  const bool by_name = !in.by_number || in.policy->DeniesNames(in.port());
  if (in.first->bytes().empty() && by_name &&
      !co_await Decide(in, ledger, *dialled.stream, still_allowed)) {
    dialled.stream->MarkAborted();
    co_return;
  }
  // It was dialled, and the client listened to, by what held before.
  if (!still_allowed()) {
    ledger.set_outcome(Reason::kRevoked);
    dialled.stream->MarkAborted();
    co_return;
  }
  const bool tls = in.first->kind() == FirstBytes::Kind::kTls;
  if (!co_await SendAhead(in, ledger, *dialled.stream)) co_return;
  if (tls && by_name) {
    const Reason second =
        co_await PassSecondHello(in, *dialled.stream, ledger, [&](const HelloName& name) {
          return still_allowed() ? JudgeSecond(in, host, name) : Reason::kRevoked;
        });
    if (second != Reason::kAllowed) {
      ledger.set_outcome(second, "after the first hello");
      dialled.stream->MarkAborted();
      co_return;
    }
  }
  auto tunnel = SocketTunnel::Make(std::move(in.socket), std::move(dialled.stream));
  if (!tunnel) {
    ledger.set_outcome(Reason::kLimit, tunnel.error().message());
    co_return;
  }
  const SettleTunnel settle{ledger, **tunnel};
  co_await RunTunnel(in.box, **tunnel, ledger, std::move(still_allowed));
}

}  // namespace

Reason JudgeNameByNumber(const Incoming& in, const HelloName& name) {
  if (name.reason == Reason::kNoName) return Reason::kAllowed;
  if (name.reason != Reason::kAllowed) return name.reason;
  const auto denial = in.policy->DenialOf(name.host, in.port());
  return denial ? denial->reason : Reason::kAllowed;
}

Task<void> PassToName(Incoming& in, std::string channel, std::string host,
                      policy::Decision decision) {
  Ledger ledger(*in.box.deps.audit);
  if (!co_await in.Open(ledger, std::move(channel), host, std::move(decision))) co_return;
  const auto policy = in.box.Policy();
  if (policy == nullptr || !policy->EvaluateTunnel(host, in.port()).allow) {
    ledger.set_outcome(Reason::kRevoked);
    co_return;
  }
  const OpenTo open(in.box, host);
  Dialled dialled = co_await DialName(in.box, policy, host, in.port());
  const auto address = policy::Address::Parse(dialled.address);
  const auto still_allowed = [&in, &host, &ledger, address] {
    const auto now = in.box.Policy();
    if (now == nullptr || !address) return false;
    const policy::Decision decision = now->EvaluateTunnel(host, in.port());
    return decision.allow && ledger.lease().Holds(decision.limits) &&
           MayDial(in.box, *now, host, *address, in.port());
  };
  co_await Pump(in, ledger, std::move(dialled), host, still_allowed);
}

Task<void> PassToAddress(Incoming& in) {
  Ledger ledger(*in.box.deps.audit);
  if (!co_await in.Open(ledger, "tcp", in.looked_up, *in.by_number)) co_return;
  if (in.addresses.empty()) {
    const auto one = net::SocketAddress::FromIp(in.destination.address.ToString(), in.port());
    if (one) in.addresses.push_back(*one);
  }
  const OpenTo open(in.box, in.looked_up);
  Dialled dialled = co_await DialAddresses(in.box, std::move(in.addresses));
  if (const auto address = policy::Address::Parse(dialled.address)) {
    in.destination.address = *address;
  }
  const auto still_allowed = [&in, &ledger] {
    const auto policy = in.box.Policy();
    if (policy == nullptr) return false;
    const policy::Decision decision =
        JudgeAddress(in.box, *policy, in.destination.address, in.port());
    return decision.allow && ledger.lease().Holds(decision.limits);
  };
  co_await Pump(in, ledger, std::move(dialled), in.looked_up, still_allowed);
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

}  // namespace cove::gateway
