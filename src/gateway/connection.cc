#include "gateway/connection.h"

#include "async/deadline.h"
#include "gateway/by_request.h"
#include "gateway/hello_name.h"
#include "gateway/passing.h"
#include "gateway/proxy_entry.h"
#include "gateway/ssh_agent.h"

namespace cove::gateway {
namespace {

using policy::Decision;
using policy::Reason;

// noinline, here and in what is called: the compiler would make the frame of each of these a part
// of its caller's, so that a tunnel of hours held what every way of getting there needed (42 KiB).
[[gnu::noinline]] Task<void> ServeTls(Incoming& in) {
  HelloName name = ReadHelloName(in.first->hello(), in.stand_in);
  const bool by_number = in.by_number && !in.policy->Evaluate(name.host, in.port()).allow;
  if (by_number) {
    const Reason reason = JudgeNameByNumber(in, name);
    if (reason == Reason::kAllowed) co_return co_await PassToAddress(in);
    const auto denial = in.policy->DenialOf(name.host, in.port());
    in.Deny(reason, "tls", std::move(name.host), denial.value_or(Decision{}));
    co_return;
  }
  if (name.reason != Reason::kAllowed) {
    in.Deny(name.reason, "tls", name.host, in.by_stand_in,
            in.stand_in ? "looked up as " + *in.stand_in : std::string());
    co_return;
  }
  Decision decision = in.policy->Evaluate(name.host, in.port());
  if (decision.allow && (decision.inspect || in.box.HasSecretFor(name.host, in.port()))) {
    co_await ServeOpenedTls(in, std::move(name.host), std::move(decision));
    co_return;
  }
  if (const Decision tunnel = in.policy->EvaluateTunnel(name.host, in.port()); !tunnel.allow) {
    in.Deny(tunnel.reason, "tls", std::move(name.host), tunnel);
    co_return;
  }
  co_await PassToName(in, "tls", std::move(name.host), std::move(decision));
}

// A protocol that nobody here reads, or none yet.
[[gnu::noinline]] Task<void> PassUnread(Incoming& in) {
  if (!in.MayBeOpaque()) {
    const bool denied = in.stand_in && *in.stand_in != kModelHost && !in.by_stand_in.allow;
    in.Deny(denied        ? in.by_stand_in.reason
            : in.stand_in ? Reason::kMalformed
                          : Reason::kNoName,
            "tcp", in.stand_in.value_or(""), in.by_stand_in);
  } else if (in.by_number) {
    co_await PassToAddress(in);
  } else {
    co_await PassToName(in, "tcp", *in.stand_in, in.by_stand_in);
  }
}

// What it speaks decides who goes on with it.
[[gnu::noinline]] Task<void> Listen(Incoming& in) {
  const std::string host = in.stand_in.value_or("");
  switch (co_await in.ReadFirstBytes()) {
    case Incoming::Heard::kClear:
      break;
    case Incoming::Heard::kQuiet:
      co_await PassUnread(in);
      co_return;
    case Incoming::Heard::kClosed:
      in.Deny(Reason::kClientClosed, "tcp", host, in.by_stand_in);
      co_return;
    case Incoming::Heard::kTimeout:
      in.Deny(Reason::kHelloTimeout, "tcp", host, in.by_stand_in);
      co_return;
  }
  // It took its time, and the policy may be another meanwhile. Requests are judged by what holds.
  if (!in.JudgeAnew() && in.first->kind() != FirstBytes::Kind::kHttp) {
    in.Deny(Reason::kPolicyUnavailable, "tcp", host);
    co_return;
  }
  switch (in.first->kind()) {
    case FirstBytes::Kind::kTls:
      co_await ServeTls(in);
      co_return;
    case FirstBytes::Kind::kHttp:
      co_await ServePlainHttp(in, HttpOrigin::Scheme::kHttp, in.first->TakeBytes());
      co_return;
    case FirstBytes::Kind::kNeedMore:
    case FirstBytes::Kind::kBadTls:
      in.Deny(Reason::kMalformed, "tls", host, in.by_stand_in);
      co_return;
    case FirstBytes::Kind::kOpaque:
      break;
  }
  co_await PassUnread(in);
}

// To models.cove. False: it is a request, to be read like any other.
[[gnu::noinline]] Task<bool> ServeModelPort(Incoming& in) {
  if (in.port() == kHttpPort) co_return false;
  if (in.port() != kSshAgentPort) {
    in.Deny(Reason::kPortNotAllowed, "tcp", *in.stand_in);
  } else if (in.turned_away != Reason::kAllowed) {
    in.Deny(in.turned_away, "tcp", *in.stand_in);
  } else {
    in.socket->set_read_timeout({});
    co_await ServeSshAgent(in.box, std::move(in.socket));
  }
  co_return true;
}

[[gnu::noinline]] Task<void> Go(Incoming& in) {
  if (!in.stand_in) {
    Decision decision = in.JudgeAddress();
    if (decision.allow) in.by_number = std::move(decision);
  } else if (*in.stand_in == kModelHost) {
    if (co_await ServeModelPort(in)) co_return;
  } else {
    in.by_stand_in = in.policy->Evaluate(*in.stand_in, in.port());
    if (!in.by_stand_in.allow && co_await LeadsToNetwork(in)) in.TakeNetwork();
    // On the web's port a client gets to read why; anywhere else nobody would.
    if (!in.by_number && !in.by_stand_in.allow && in.port() != kHttpPort) {
      in.Deny(in.by_stand_in.reason, "tcp", *in.stand_in, in.by_stand_in);
      co_return;
    }
  }
  if (in.by_number && !in.policy->DeniesNames(in.port())) {
    co_await PassToAddress(in);
    co_return;
  }
  co_await Listen(in);
}

[[gnu::noinline]] Task<void> Serve(Incoming& in) {
  if (!in.FindDestination()) co_return;
  in.policy = in.box.Policy();
  if (in.policy == nullptr) {
    if (in.port() != kHttpPort) {
      in.Deny(Reason::kPolicyUnavailable, "tcp", "");
      co_return;
    }
    // An empty one denies everything; who speaks HTTP gets to read why.
    in.policy = std::make_shared<const policy::Policy>();
  }
  in.FindStandIn();
  if (in.stand_in == kProxyHost && !co_await PassProxy(in)) co_return;
  co_await Go(in);
}

Task<Result<void>> TurnAway(Box& box, UniqueFd fd) {
  Incoming in(box, std::move(fd), Reason::kLimit);
  co_await Serve(in);
  co_return Ok();
}

}  // namespace

Task<void> ServeTransparent(Box& box, UniqueFd fd) {
  Incoming in(box, std::move(fd), Reason::kAllowed);
  co_await Serve(in);
}

Task<void> TurnAwayTransparent(Box& box, UniqueFd fd) {
  const TimePoint deadline = Now() + box.deps.limits.turn_away_timeout;
  const auto done =
      co_await async::WithDeadline(TurnAway(box, std::move(fd)), deadline, "refusing");
  if (!done) box.Denied(box.NewRecord("tcp"), Reason::kLimit, kTurnedAwayKey);
}

}  // namespace cove::gateway
