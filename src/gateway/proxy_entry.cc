#include "gateway/proxy_entry.h"

#include "gateway/by_request.h"
#include "gateway/passing.h"
#include "gateway/proxy.h"

namespace cove::gateway {
namespace {

using policy::Decision;
using policy::Reason;

constexpr Duration kLinger = seconds(1);

// Waits a moment for the other end to go, so that no reset overtakes what it was told.
[[gnu::noinline]] Task<void> Linger(Incoming& in) {
  const TimePoint deadline = Now() + kLinger;
  std::vector<char> buffer(4096);
  for (;;) {
    const Duration left = deadline - Now();
    if (left <= Duration::zero()) break;
    in.socket->set_read_timeout(left);
    const auto n = co_await in.socket->Read(buffer);
    if (!n || *n == 0) break;
  }
  in.socket.reset();
}

Decision JudgeTarget(const Incoming& in, const ProxyTarget& target) {
  if (in.turned_away != Reason::kAllowed) return {false, in.turned_away, {}, policy::Layer::kNone};
  if (in.stand_in == kProxyHost) return {false, Reason::kSelf, {}, policy::Layer::kNone};
  if (in.stand_in == kModelHost) {
    const bool right = target.port == kHttpPort;
    return {right, right ? Reason::kAllowed : Reason::kPortNotAllowed, {}, policy::Layer::kBuiltIn};
  }
  if (in.stand_in) return in.policy->Evaluate(*in.stand_in, target.port);
  return in.JudgeAddress();
}

// Afterwards the connection is one to where the client said. An address has to be allowed as such,
// or be one that stands in for a name.
Decision TakeTarget(Incoming& in, const ProxyTarget& target) {
  if (target.reason != Reason::kAllowed) return {false, target.reason, {}, policy::Layer::kNone};
  in.destination.address = target.address.value_or(StandIns::FirstChoice(target.host));
  if (target.address) {
    in.FindStandIn();
  } else {
    in.stand_in = target.host;
  }
  return JudgeTarget(in, target);
}

[[gnu::noinline]] Task<bool> EnterProxy(Incoming& in, ProxyKind kind, std::string ahead) {
  const std::string channel = kind == ProxyKind::kHttp ? "connect" : "socks";
  const TimePoint deadline = Now() + in.box.deps.limits.hello_timeout;
  const auto read = co_await ReadProxyTarget(kind, *in.socket, &ahead, deadline);
  if (!read) {
    const Code code = read.error().code();
    const Reason reason = code == Code::kTimeout   ? Reason::kHelloTimeout
                          : code == Code::kInvalid ? Reason::kMalformed
                                                   : Reason::kClientClosed;
    in.Deny(reason, channel, *in.stand_in, {}, read.error().message());
    // SOCKS has no words for it, and a client that left reads none.
    if (kind == ProxyKind::kSocks || reason == Reason::kClientClosed) co_return false;
    const auto told = co_await AnswerProxy(kind, *in.socket, {}, reason);
    if (told && co_await in.socket->CloseWrite()) co_await Linger(in);
    co_return false;
  }
  const ProxyTarget target = *read;
  in.claimed = channel + " " + target.asked;
  in.destination.port = target.port;
  Decision decision = TakeTarget(in, target);
  const bool named = target.reason == Reason::kAllowed && !decision.allow;
  if (named && co_await LeadsToNetwork(in)) decision = in.by_network->decision;
  if (!decision.allow) in.Deny(decision.reason, channel, target.host, decision);
  const auto told = co_await AnswerProxy(kind, *in.socket, target, decision.reason);
  // The client gets to read the refusal, so it ends in order.
  if (!decision.allow && told && co_await in.socket->CloseWrite()) co_await Linger(in);
  if (!decision.allow || !told) co_return false;
  in.first->Feed(ahead);
  co_return true;
}

}  // namespace

Task<bool> PassProxy(Incoming& in) {
  if (in.port() == kSocksProxyPort) co_return co_await EnterProxy(in, ProxyKind::kSocks, {});
  if (in.port() != kHttpProxyPort) {
    in.Deny(Reason::kPortNotAllowed, "tcp", *in.stand_in);
    co_return false;
  }
  const TimePoint deadline = Now() + in.box.deps.limits.hello_timeout;
  std::string ahead;
  const auto connect = co_await WantsConnect(*in.socket, &ahead, deadline);
  if (!connect) {
    const bool late = connect.error().code() == Code::kTimeout;
    in.Deny(late ? Reason::kHelloTimeout : Reason::kClientClosed, "http", *in.stand_in);
    co_return false;
  }
  if (*connect) co_return co_await EnterProxy(in, ProxyKind::kHttp, std::move(ahead));
  co_await ServePlainHttp(in, HttpOrigin::Scheme::kProxy, std::move(ahead));
  co_return false;
}

}  // namespace cove::gateway
