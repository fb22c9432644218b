#include "gateway/incoming.h"

#include "gateway/dialer.h"
#include "log/log.h"

namespace cove::gateway {

using policy::Decision;
using policy::Reason;

Incoming::Incoming(Box& b, UniqueFd fd, Reason away)
    : box(b), turned_away(away), socket(std::make_unique<net::SocketStream>(std::move(fd))) {}

Incoming::~Incoming() {
  if (socket != nullptr) socket->MarkAborted();
}

bool Incoming::FindDestination() {
  auto found = box.deps.destination(socket->fd());
  if (!found) {
    const bool self = found.error().code() == Code::kNotFound;
    Deny(self ? Reason::kSelf : Reason::kNoDestination, "tcp", "", {}, found.error().message());
    return false;
  }
  destination = *found;
  claimed = destination.ToString();
  const auto kind = policy::Classify(destination.address, {});
  if (kind == policy::AddressClass::kLoopback && port() == box.tcp_port) {
    Deny(Reason::kSelf, "tcp", "");
    return false;
  }
  return true;
}

// After a restart of the front the table is empty, but programs keep the addresses they were
// given: a name that a rule spells out can be found again, because its address follows from it.
void Incoming::FindStandIn() {
  stand_in = box.stand_ins.NameOf(destination.address);
  if (stand_in || !StandIns::InRange(destination.address)) return;
  for (const std::string_view own : {kModelHost, kProxyHost}) {
    if (StandIns::FirstChoice(own) == destination.address) {
      stand_in = own;
      return;
    }
  }
  for (const policy::Rule& rule : policy->rules()) {
    if (rule.network || rule.host.kind != policy::HostPattern::Kind::kExact) continue;
    if (StandIns::FirstChoice(rule.host.host) == destination.address) {
      stand_in = rule.host.host;
      return;
    }
  }
}

Decision Incoming::JudgeAddress() const {
  // Nothing in the stand-ins' range is meant by its number: its name was forgotten.
  if (StandIns::InRange(destination.address)) {
    return {false, Reason::kNoName, {}, policy::Layer::kNone};
  }
  return ::cove::gateway::JudgeAddress(box, *policy, destination.address, port());
}

bool Incoming::JudgeAnew() {
  policy = box.Policy();
  if (policy == nullptr) return false;
  if (by_number) {
    by_number = JudgeAddress();
    if (!by_number->allow) by_number.reset();
  }
  if (stand_in && *stand_in != kModelHost) by_stand_in = policy->Evaluate(*stand_in, port());
  return true;
}

void Incoming::TakeNetwork() {
  looked_up = *std::exchange(stand_in, std::nullopt);
  by_number = std::move(by_network->decision);
  addresses = std::move(by_network->addresses);
  destination.address = ToPolicyAddress(addresses.front());
  by_network.reset();
}

bool Incoming::MayBeOpaque() const {
  if (by_number) return true;
  return stand_in && by_stand_in.allow && !by_stand_in.by_request && !by_stand_in.inspect &&
         port() != kHttpPort && port() != kHttpsPort;
}

Task<Incoming::Heard> Incoming::ReadFirstBytes() {
  const TimePoint deadline = Now() + box.deps.limits.hello_timeout;
  std::vector<char> buffer(8 * 1024);
  while (first->kind() == FirstBytes::Kind::kNeedMore) {
    const bool quiet = first->bytes().empty() && MayBeOpaque();
    const Duration left = deadline - Now();
    if (left <= Duration::zero()) co_return Heard::kTimeout;
    socket->set_read_timeout(quiet ? box.deps.limits.quiet_wait : left);
    const auto n = co_await socket->Read(buffer);
    if (!n && n.error().code() == Code::kTimeout) {
      co_return quiet ? Heard::kQuiet : Heard::kTimeout;
    }
    if (n && *n == 0 && first->End() == FirstBytes::Kind::kOpaque) break;
    if (!n || *n == 0) co_return Heard::kClosed;
    first->Feed(std::string_view(buffer.data(), *n));
  }
  co_return Heard::kClear;
}

audit::Record Incoming::Row(std::string channel, std::string host, const Decision& decision) const {
  audit::Record record = box.NewRecord(std::move(channel));
  record.host = std::move(host);
  record.port = port();
  record.claimed = claimed;
  record.rule = decision.rule;
  record.layer = policy::LayerName(decision.layer);
  record.reason = policy::ReasonName(decision.reason);
  return record;
}

void Incoming::Deny(Reason reason, std::string channel, std::string host, const Decision& decision,
                    std::string detail) {
  audit::Record record = Row(std::move(channel), std::move(host), decision);
  record.detail = std::move(detail);
  if (turned_away == Reason::kAllowed) {
    box.Denied(std::move(record), reason);
    return;
  }
  // That it said nothing before it heard so is no reason of its own.
  const bool silent = reason == Reason::kClientClosed || reason == Reason::kHelloTimeout;
  box.Denied(std::move(record), silent ? turned_away : reason, kTurnedAwayKey);
}

Task<bool> Incoming::Open(Ledger& ledger, std::string channel, std::string host,
                          Decision decision) {
  Reason limit = turned_away;
  if (limit == Reason::kAllowed) limit = ledger.lease().Take(box.usage, decision.limits);
  if (limit != Reason::kAllowed) {
    Deny(limit, std::move(channel), std::move(host), decision);
    co_return false;
  }
  const auto opened = co_await ledger.Open(Row(std::move(channel), std::move(host), decision));
  if (!opened) log::Error("gateway.audit_failed", {{"error", opened.error().message()}});
  co_return opened.ok();
}

}  // namespace cove::gateway
