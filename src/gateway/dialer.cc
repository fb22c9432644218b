#include "gateway/dialer.h"

#include <algorithm>

#include "net/tls.h"

namespace cove::gateway {
namespace {

using policy::Reason;

Dialled Failed(Reason reason, std::string detail) {
  Dialled out;
  out.reason = reason;
  out.detail = std::move(detail);
  return out;
}

void KeepAlive(int fd) {
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
}

struct Resolution {
  Result<std::vector<net::SocketAddress>> result = Error(Code::kTimeout, "not resolved");
  async::Event done;
};

struct ResolvingPlace {
  Box& box;
  explicit ResolvingPlace(Box& b) : box(b) { ++box.resolving; }
  ~ResolvingPlace() {
    --box.resolving;
    box.resolved.NotifyAll();
  }
  ResolvingPlace(const ResolvingPlace&) = delete;
};

// Goes on when nobody waits any more: its place is free when its thread is.
Task<void> Resolve(Box& box, std::string host, uint16_t port, std::unique_ptr<ResolvingPlace>,
                   std::shared_ptr<Resolution> out) {
  const Deps& deps = box.deps;
  out->result = co_await (deps.resolver ? deps.resolver(host, port)
                                        : net::Resolve(*deps.resolver_pool, host, port));
  out->done.Set();
}

}  // namespace

Task<Result<std::vector<net::SocketAddress>>> ResolveName(Box& box, std::string host,
                                                          uint16_t port) {
  const TimePoint deadline = Now() + box.deps.limits.resolve_timeout;
  while (box.resolving >= kResolvingMax) {
    if (!co_await box.resolved.Wait(deadline)) {
      co_return Error(Code::kTimeout, "too many names are being looked up");
    }
  }
  auto resolution = std::make_shared<Resolution>();
  box.resolutions.Spawn(
      Resolve(box, host, port, std::make_unique<ResolvingPlace>(box), resolution));
  if (!co_await resolution->done.Wait(deadline)) {
    co_return Error(Code::kTimeout, "resolving " + host + " did not finish in time");
  }
  co_return std::move(resolution->result);
}

policy::Decision JudgeAddress(const Box& box, const policy::Policy& policy,
                              const policy::Address& address, uint16_t port) {
  const auto local = box.deps.local_networks();
  if (!local) return {false, Reason::kAddressNotPublic, {}, policy::Layer::kNone};
  return policy.EvaluateAddress(address, port, policy::Classify(address, *local));
}

bool MayDial(const Box& box, const policy::Policy& policy, std::string_view host,
             const policy::Address& address, uint16_t port) {
  const auto local = box.deps.local_networks();
  return local && policy.MayDial(host, address, port, policy::Classify(address, *local));
}

Task<Dialled> DialAddresses(Box& box, std::vector<net::SocketAddress> addresses) {
  const Limits& limits = box.deps.limits;
  const TimePoint deadline = Now() + limits.dial_timeout;
  std::string detail = "no address";
  for (const net::SocketAddress& address : addresses) {
    const TimePoint attempt = std::min(deadline, Now() + limits.dial_attempt_timeout);
    auto connected = co_await net::Connect(address, attempt);
    if (connected) {
      Dialled out;
      out.stream = std::move(*connected);
      out.address = address.Ip();
      KeepAlive(out.stream->fd());
      co_return out;
    }
    detail = connected.error().message();
    if (Now() >= deadline) break;
  }
  co_return Failed(Reason::kDialFailed, std::move(detail));
}

Task<Dialled> DialName(Box& box, std::shared_ptr<const policy::Policy> policy, std::string host,
                       uint16_t port) {
  auto resolved = co_await ResolveName(box, host, port);
  if (!resolved) co_return Failed(Reason::kResolveFailed, resolved.error().message());
  auto local = box.deps.local_networks();
  if (!local) co_return Failed(Reason::kAddressNotPublic, local.error().message());

  std::vector<net::SocketAddress> checked;
  std::string refused;
  for (const net::SocketAddress& address : *resolved) {
    if (checked.size() == kAddressesMax) break;
    const bool ip = address.family() == AF_INET || address.family() == AF_INET6;
    if (!ip || address.port() != port) continue;
    const policy::Address plain = ToPolicyAddress(address);
    const policy::AddressClass kind = policy::Classify(plain, *local);
    if (policy->MayDial(host, plain, port, kind)) {
      checked.push_back(address);
    } else {
      refused += (refused.empty() ? "" : ", ") + plain.ToString() + " is " +
                 std::string(policy::AddressClassName(kind));
    }
  }
  if (checked.empty()) {
    if (resolved->empty()) co_return Failed(Reason::kResolveFailed, "no address");
    co_return Failed(Reason::kAddressNotPublic, std::move(refused));
  }
  co_return co_await DialAddresses(box, std::move(checked));
}

}  // namespace cove::gateway
