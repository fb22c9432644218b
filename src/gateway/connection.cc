#include "gateway/connection.h"

#include "gateway/client_stream.h"
#include "gateway/dialer.h"
#include "gateway/first_bytes.h"
#include "gateway/http_forward.h"
#include "gateway/ledger.h"
#include "gateway/proxy.h"
#include "gateway/socket_tunnel.h"
#include "gateway/ssh_agent.h"
#include "log/log.h"
#include "policy/host_name.h"

namespace cove::gateway {
namespace {

using policy::Decision;
using policy::Reason;

constexpr uint16_t kHttpPort = 80;
constexpr uint16_t kHttpsPort = 443;
constexpr uint16_t kTls12 = 0x0303;
constexpr Duration kLinger = seconds(1);

// The name that a ClientHello asks for, or why it cannot be judged.
struct HelloName {
  Reason reason = Reason::kAllowed;
  std::string host;
};

HelloName ReadHelloName(const codec::ClientHello& hello,
                        const std::optional<std::string>& stand_in) {
  if (hello.encrypted_hello) return {Reason::kEncryptedHello, {}};
  if (hello.version < kTls12) return {Reason::kMalformed, {}};
  if (hello.server_name.empty()) return {Reason::kNoName, {}};
  auto host = policy::CanonicalHost(hello.server_name);
  if (!host) return {Reason::kBadName, hello.server_name};
  if (stand_in && *stand_in != *host) return {Reason::kNameMismatch, std::move(*host)};
  return {Reason::kAllowed, std::move(*host)};
}

struct SettleTunnel {
  Ledger& ledger;
  Tunnel& tunnel;
  ~SettleTunnel() { ledger.AddBytes(tunnel.totals().a_to_b, tunnel.totals().b_to_a); }
};

class Connection {
 public:
  Connection(Box& box, UniqueFd fd)
      : box_(box), socket_(std::make_unique<net::SocketStream>(std::move(fd))) {}
  // Whatever was not handed on ends with a reset: a refusal must not look like an orderly end.
  ~Connection() {
    if (socket_ != nullptr) socket_->MarkAborted();
  }
  Connection(const Connection&) = delete;

  [[gnu::noinline]] Task<void> Run();

 private:
  enum class Heard { kClear, kQuiet, kClosed, kTimeout };

  // noinline: the compiler would make the frame of each of these a part of its caller's, so that a
  // tunnel of hours held what every way of getting there needed (42 KiB).
  bool FindDestination();
  void FindStandIn();
  [[gnu::noinline]] Task<void> Go();
  [[gnu::noinline]] Task<void> Listen();
  [[gnu::noinline]] Task<void> Proxy();
  [[gnu::noinline]] Task<bool> EnterProxy(ProxyKind kind);
  Decision JudgeProxied(const ProxyTarget& target);
  [[gnu::noinline]] Task<void> Linger();
  [[gnu::noinline]] Task<Heard> ReadFirstBytes();
  [[gnu::noinline]] Task<void> Tls();
  [[gnu::noinline]] Task<void> Http();
  [[gnu::noinline]] Task<void> Inspect(std::string host, Decision decision);
  [[gnu::noinline]] Task<void> Opaque();
  [[gnu::noinline]] Task<void> ToAddress(Decision decision);
  [[gnu::noinline]] Task<void> Pump(Ledger& ledger, Dialled dialled, StillAllowed still_allowed);
  [[gnu::noinline]] Task<bool> SendAhead(Ledger& ledger, net::SocketStream& server);
  [[gnu::noinline]] Task<void> PumpUndecided(Ledger& ledger, net::ByteStream& server,
                                             StillAllowed still_allowed);
  [[gnu::noinline]] Task<bool> Open(Ledger& ledger, std::string channel, std::string host,
                                    const Decision& decision);

  audit::Record Row(std::string channel, std::string host, const Decision& decision) const;
  void Deny(Reason reason, std::string channel, std::string host, const Decision& decision = {},
            std::string detail = {});
  // An unread protocol is let through only to a looked-up name, on a port that is not the web's.
  bool MayBeOpaque() const {
    return stand_in_ && by_stand_in_.allow && !by_stand_in_.by_request && !by_stand_in_.inspect &&
           port() != kHttpPort && port() != kHttpsPort;
  }
  uint16_t port() const { return destination_.port; }

  Box& box_;
  std::unique_ptr<net::SocketStream> socket_;
  Destination destination_;
  std::string claimed_;  // where the client said that it goes, for the audit
  std::string ahead_;    // read behind what a proxy was asked
  std::optional<std::string> stand_in_;
  Decision by_stand_in_;
  std::shared_ptr<const policy::Policy> policy_;
  std::unique_ptr<FirstBytes> first_ = std::make_unique<FirstBytes>();
  Counters counters_;  // of HTTP
};

audit::Record Connection::Row(std::string channel, std::string host,
                              const Decision& decision) const {
  audit::Record record = box_.NewRecord(std::move(channel));
  record.host = std::move(host);
  record.port = port();
  record.claimed = claimed_;
  record.rule = decision.rule;
  record.layer = policy::LayerName(decision.layer);
  record.reason = policy::ReasonName(decision.reason);
  return record;
}

void Connection::Deny(Reason reason, std::string channel, std::string host,
                      const Decision& decision, std::string detail) {
  audit::Record record = Row(std::move(channel), std::move(host), decision);
  record.detail = std::move(detail);
  box_.Denied(std::move(record), reason);
}

Task<bool> Connection::Open(Ledger& ledger, std::string channel, std::string host,
                            const Decision& decision) {
  const Reason limit = ledger.lease().Take(box_.usage, decision.limits);
  if (limit != Reason::kAllowed) {
    Deny(limit, std::move(channel), std::move(host), decision);
    co_return false;
  }
  const auto opened = co_await ledger.Open(Row(std::move(channel), std::move(host), decision));
  if (!opened) log::Error("gateway.audit_failed", {{"error", opened.error().message()}});
  co_return opened.ok();
}

bool Connection::FindDestination() {
  auto found = box_.deps.destination(socket_->fd());
  if (!found) {
    const bool self = found.error().code() == Code::kNotFound;
    Deny(self ? Reason::kSelf : Reason::kNoDestination, "tcp", "", {}, found.error().message());
    return false;
  }
  destination_ = *found;
  claimed_ = destination_.ToString();
  const auto kind = policy::Classify(destination_.address, {});
  if (kind == policy::AddressClass::kLoopback && port() == box_.tcp_port) {
    Deny(Reason::kSelf, "tcp", "");
    return false;
  }
  return true;
}

// After a restart of the front the table is empty, but programs keep the addresses they were
// given: a name that a rule spells out can be found again, because its address follows from it.
void Connection::FindStandIn() {
  stand_in_ = box_.stand_ins.NameOf(destination_.address);
  if (stand_in_ || !StandIns::InRange(destination_.address)) return;
  for (const std::string_view own : {kModelHost, kProxyHost}) {
    if (StandIns::FirstChoice(own) == destination_.address) {
      stand_in_ = own;
      return;
    }
  }
  for (const policy::Rule& rule : policy_->rules()) {
    if (rule.network || rule.host.kind != policy::HostPattern::Kind::kExact) continue;
    if (StandIns::FirstChoice(rule.host.host) == destination_.address) {
      stand_in_ = rule.host.host;
      return;
    }
  }
}

Task<void> Connection::Run() {
  if (!FindDestination()) co_return;
  policy_ = box_.Policy();
  if (policy_ == nullptr) {
    if (port() != kHttpPort) {
      Deny(Reason::kPolicyUnavailable, "tcp", "");
      co_return;
    }
    // An empty one denies everything; who speaks HTTP gets to read why.
    policy_ = std::make_shared<const policy::Policy>();
  }
  FindStandIn();
  if (stand_in_ == kProxyHost) {
    co_await Proxy();
  } else {
    co_await Go();
  }
}

Task<void> Connection::Go() {
  if (!stand_in_) {
    const auto local = box_.deps.local_networks();
    if (local) {
      const auto kind = policy::Classify(destination_.address, *local);
      const Decision decision = policy_->EvaluateAddress(destination_.address, port(), kind);
      if (decision.allow) {
        co_await ToAddress(decision);
        co_return;
      }
    }
  } else if (*stand_in_ != kModelHost) {
    by_stand_in_ = policy_->Evaluate(*stand_in_, port());
    // On the web's port a client gets to read why; anywhere else nobody would.
    if (!by_stand_in_.allow && port() != kHttpPort) {
      Deny(by_stand_in_.reason, "tcp", *stand_in_, by_stand_in_);
      co_return;
    }
  } else if (port() == kSshAgentPort) {
    socket_->set_read_timeout({});
    co_await ServeSshAgent(box_, std::move(socket_));
    co_return;
  } else if (port() != kHttpPort) {
    Deny(Reason::kPortNotAllowed, "tcp", *stand_in_);
    co_return;
  }
  co_await Listen();
}

Task<void> Connection::Proxy() {
  const TimePoint deadline = Now() + box_.deps.limits.hello_timeout;
  if (port() == kSocksProxyPort) {
    if (co_await EnterProxy(ProxyKind::kSocks)) co_await Go();
    co_return;
  }
  if (port() != kHttpProxyPort) {
    Deny(Reason::kPortNotAllowed, "tcp", *stand_in_);
    co_return;
  }
  const auto connect = co_await WantsConnect(*socket_, &ahead_, deadline);
  if (!connect) {
    const bool late = connect.error().code() == Code::kTimeout;
    Deny(late ? Reason::kHelloTimeout : Reason::kClientClosed, "http", *stand_in_);
    co_return;
  }
  if (*connect) {
    if (co_await EnterProxy(ProxyKind::kHttp)) co_await Go();
    co_return;
  }
  HttpForward forward(box_, {HttpOrigin::Scheme::kProxy, std::nullopt, destination_}, counters_);
  socket_->set_read_timeout({});
  co_await forward.Serve(
      std::make_unique<ClientStream>(std::move(socket_), std::move(ahead_), &counters_));
}

// Afterwards the connection is one to where the client said. An address has to be allowed as such,
// or be one that stands in for a name.
Task<bool> Connection::EnterProxy(ProxyKind kind) {
  const std::string channel = kind == ProxyKind::kHttp ? "connect" : "socks";
  const TimePoint deadline = Now() + box_.deps.limits.hello_timeout;
  const auto read = co_await ReadProxyTarget(kind, *socket_, &ahead_, deadline);
  if (!read) {
    const Code code = read.error().code();
    Deny(code == Code::kTimeout   ? Reason::kHelloTimeout
         : code == Code::kInvalid ? Reason::kMalformed
                                  : Reason::kClientClosed,
         channel, *stand_in_, {}, read.error().message());
    co_return false;
  }
  const ProxyTarget target = *read;
  claimed_ = channel + " " + target.asked;
  destination_.port = target.port;
  Decision decision{false, target.reason, {}, policy::Layer::kNone};
  if (target.reason == Reason::kAllowed) {
    destination_.address = target.address.value_or(StandIns::FirstChoice(target.host));
    if (target.address) {
      FindStandIn();
    } else {
      stand_in_ = target.host;
    }
    decision = JudgeProxied(target);
  }
  if (!decision.allow) Deny(decision.reason, channel, target.host, decision);
  const auto told = co_await AnswerProxy(kind, *socket_, target, decision.reason);
  // The client gets to read the refusal, so it ends in order.
  if (!decision.allow && told && co_await socket_->CloseWrite()) co_await Linger();
  if (!decision.allow || !told) co_return false;
  first_->Feed(std::exchange(ahead_, {}));
  co_return true;
}

Decision Connection::JudgeProxied(const ProxyTarget& target) {
  if (stand_in_ == kProxyHost) return {false, Reason::kSelf, {}, policy::Layer::kNone};
  if (stand_in_ == kModelHost) {
    const bool right = target.port == kHttpPort;
    return {right, right ? Reason::kAllowed : Reason::kPortNotAllowed, {}, policy::Layer::kBuiltIn};
  }
  if (stand_in_) return policy_->Evaluate(*stand_in_, target.port);
  const auto local = box_.deps.local_networks();
  if (!local) return {false, Reason::kAddressNotPublic, {}, policy::Layer::kNone};
  const auto kind = policy::Classify(destination_.address, *local);
  return policy_->EvaluateAddress(destination_.address, target.port, kind);
}

// Waits a moment for the other end to go, so that no reset overtakes what it was told.
Task<void> Connection::Linger() {
  const TimePoint deadline = Now() + kLinger;
  std::vector<char> buffer(4096);
  for (;;) {
    const Duration left = deadline - Now();
    if (left <= Duration::zero()) break;
    socket_->set_read_timeout(left);
    const auto n = co_await socket_->Read(buffer);
    if (!n || *n == 0) break;
  }
  socket_.reset();
}

Task<void> Connection::Listen() {
  const std::string host = stand_in_.value_or("");
  switch (co_await ReadFirstBytes()) {
    case Heard::kClear:
      break;
    case Heard::kQuiet:
      co_await Opaque();
      co_return;
    case Heard::kClosed:
      Deny(Reason::kClientClosed, "tcp", host, by_stand_in_);
      co_return;
    case Heard::kTimeout:
      Deny(Reason::kHelloTimeout, "tcp", host, by_stand_in_);
      co_return;
  }
  switch (first_->kind()) {
    case FirstBytes::Kind::kTls:
      co_await Tls();
      co_return;
    case FirstBytes::Kind::kHttp:
      co_await Http();
      co_return;
    case FirstBytes::Kind::kNeedMore:
    case FirstBytes::Kind::kBadTls:
      Deny(Reason::kMalformed, "tls", host, by_stand_in_);
      co_return;
    case FirstBytes::Kind::kOpaque:
      break;
  }
  if (MayBeOpaque()) {
    co_await Opaque();
  } else {
    Deny(stand_in_ ? Reason::kMalformed : Reason::kNoName, "tcp", host, by_stand_in_);
  }
}

Task<Connection::Heard> Connection::ReadFirstBytes() {
  const TimePoint deadline = Now() + box_.deps.limits.hello_timeout;
  std::vector<char> buffer(8 * 1024);
  while (first_->kind() == FirstBytes::Kind::kNeedMore) {
    const bool quiet = first_->bytes().empty() && MayBeOpaque();
    const Duration left = deadline - Now();
    if (left <= Duration::zero()) co_return Heard::kTimeout;
    socket_->set_read_timeout(quiet ? box_.deps.limits.quiet_wait : left);
    const auto n = co_await socket_->Read(buffer);
    if (!n && n.error().code() == Code::kTimeout) {
      co_return quiet ? Heard::kQuiet : Heard::kTimeout;
    }
    if (!n || *n == 0) co_return Heard::kClosed;
    first_->Feed(std::string_view(buffer.data(), *n));
  }
  co_return Heard::kClear;
}

Task<void> Connection::Tls() {
  const HelloName name = ReadHelloName(first_->hello(), stand_in_);
  if (name.reason != Reason::kAllowed) {
    Deny(name.reason, "tls", name.host, by_stand_in_,
         stand_in_ ? "looked up as " + *stand_in_ : std::string());
    co_return;
  }
  const Decision decision = policy_->Evaluate(name.host, port());
  if (decision.allow && (decision.inspect || box_.HasSecretFor(name.host, port()))) {
    co_await Inspect(name.host, decision);
    co_return;
  }
  if (const Decision tunnel = policy_->EvaluateTunnel(name.host, port()); !tunnel.allow) {
    Deny(tunnel.reason, "tls", name.host, tunnel);
    co_return;
  }
  Ledger ledger(*box_.deps.audit);
  if (!co_await Open(ledger, "tls", name.host, decision)) co_return;
  Dialled dialled = co_await DialName(box_, policy_, name.host, port());
  const auto still_allowed = [this, host = name.host] {
    const auto policy = box_.Policy();
    return policy != nullptr && policy->EvaluateTunnel(host, port()).allow;
  };
  co_await Pump(ledger, std::move(dialled), still_allowed);
}

Task<void> Connection::Http() {
  HttpForward forward(box_, {HttpOrigin::Scheme::kHttp, stand_in_, destination_}, counters_);
  socket_->set_read_timeout({});
  co_await forward.Serve(
      std::make_unique<ClientStream>(std::move(socket_), first_->TakeBytes(), &counters_));
}

// TLS ends here and begins anew towards the server, whose certificate is verified; in between,
// requests are judged one by one. The name in the hello binds them all.
Task<void> Connection::Inspect(std::string host, Decision decision) {
  if (!box_.certificates) {
    decision.reason = Reason::kNeedsInspection;
    Deny(decision.reason, "tls", std::move(host), decision);
    co_return;
  }
  auto context = box_.certificates->ContextFor(host);
  if (!context) {
    log::Error("gateway.certificate_failed", {{"error", context.error().message()}});
    Deny(Reason::kNeedsInspection, "tls", std::move(host), decision, context.error().message());
    co_return;
  }
  socket_->set_read_timeout({});
  auto client = std::make_unique<ClientStream>(std::move(socket_), first_->TakeBytes(), &counters_);
  auto opened =
      co_await net::TlsAccept(*std::move(context), std::move(client),
                              Now() + box_.deps.limits.hello_timeout, net::Alpn::kHttp2OrHttp1);
  if (!opened) {
    Deny(Reason::kClientDistrusts, "tls", std::move(host), decision, opened.error().message());
    co_return;
  }
  HttpForward forward(box_, {HttpOrigin::Scheme::kHttps, std::move(host), destination_}, counters_);
  co_await forward.Serve(*std::move(opened));
}

Task<void> Connection::Opaque() {
  Ledger ledger(*box_.deps.audit);
  const std::string host = *stand_in_;
  if (!co_await Open(ledger, "tcp", host, by_stand_in_)) co_return;
  Dialled dialled = co_await DialName(box_, policy_, host, port());
  const auto still_allowed = [this, host] {
    const auto policy = box_.Policy();
    return policy != nullptr && policy->EvaluateTunnel(host, port()).allow;
  };
  co_await Pump(ledger, std::move(dialled), still_allowed);
}

Task<void> Connection::ToAddress(Decision decision) {
  Ledger ledger(*box_.deps.audit);
  if (!co_await Open(ledger, "tcp", "", decision)) co_return;
  Dialled dialled = co_await DialAddress(box_, destination_.address, port());
  const auto still_allowed = [this] {
    const auto policy = box_.Policy();
    const auto local = box_.deps.local_networks();
    if (policy == nullptr || !local) return false;
    const auto kind = policy::Classify(destination_.address, *local);
    return policy->EvaluateAddress(destination_.address, port(), kind).allow;
  };
  co_await Pump(ledger, std::move(dialled), still_allowed);
}

Task<void> Connection::Pump(Ledger& ledger, Dialled dialled, StillAllowed still_allowed) {
  if (dialled.stream == nullptr) {
    ledger.set_outcome(dialled.reason, dialled.detail);
    co_return;
  }
  ledger.set_address(dialled.address);
  // A client that has said nothing yet (stand-in, opaque) is listened to once more; an address
  // rule asks for no name.
  socket_->set_read_timeout({});
  if (first_->bytes().empty() && stand_in_) {
    co_await PumpUndecided(ledger, *dialled.stream, std::move(still_allowed));
    co_return;
  }
  if (!co_await SendAhead(ledger, *dialled.stream)) co_return;
  auto tunnel = SocketTunnel::Make(std::move(socket_), std::move(dialled.stream));
  if (!tunnel) {
    ledger.set_outcome(Reason::kLimit, tunnel.error().message());
    co_return;
  }
  const SettleTunnel settle{ledger, **tunnel};
  co_await RunTunnel(box_, **tunnel, ledger, std::move(still_allowed));
}

// The bytes that were read to judge by. An idle tunnel keeps nothing of them.
Task<bool> Connection::SendAhead(Ledger& ledger, net::SocketStream& server) {
  const std::string ahead = first_->TakeBytes();
  first_.reset();
  server.set_write_timeout(box_.deps.limits.hello_timeout);
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

Task<void> Connection::PumpUndecided(Ledger& ledger, net::ByteStream& server,
                                     StillAllowed still_allowed) {
  UndecidedClient guarded(*socket_, [this](const FirstBytes& first) {
    if (first.kind() == FirstBytes::Kind::kTls) {
      return ReadHelloName(first.hello(), stand_in_).reason;
    }
    // HTTP is judged request by request, for which it is too late here: the client tries again.
    return first.kind() == FirstBytes::Kind::kOpaque ? Reason::kAllowed : Reason::kHelloTimeout;
  });
  StreamTunnel tunnel(guarded, server);
  const auto stream = std::move(socket_);  // RunTunnel decides how it ends
  const SettleTunnel settle{ledger, tunnel};
  co_await RunTunnel(box_, tunnel, ledger, std::move(still_allowed));
  if (guarded.verdict() != Reason::kAllowed) ledger.set_outcome(guarded.verdict());
}

}  // namespace

Task<void> ServeTransparent(Box& box, UniqueFd fd) {
  Connection connection(box, std::move(fd));
  co_await connection.Run();
}

}  // namespace cove::gateway
