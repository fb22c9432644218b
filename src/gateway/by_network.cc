#include "gateway/by_network.h"

#include "gateway/dialer.h"

namespace cove::gateway {

using policy::Decision;
using policy::Reason;

Task<ByNetwork> JudgeByNetwork(Box& box, std::shared_ptr<const policy::Policy> policy,
                               std::string host, std::optional<uint16_t> port) {
  ByNetwork out;
  if (!box.look_ups.Take(Now())) {
    out.decision.reason = Reason::kTooFast;
    co_return out;
  }
  const auto resolved = co_await ResolveName(box, std::move(host), port.value_or(0));
  const auto local = box.deps.local_networks();
  if (!resolved || !local) {
    out.decision.reason = resolved ? Reason::kAddressNotPublic : Reason::kResolveFailed;
    out.detail = resolved ? local.error().message() : resolved.error().message();
    co_return out;
  }
  for (const net::SocketAddress& address : *resolved) {
    if (out.addresses.size() == kAddressesMax) break;
    if (address.family() != AF_INET && address.family() != AF_INET6) continue;
    const policy::Address plain = ToPolicyAddress(address);
    const policy::AddressClass kind = policy::Classify(plain, *local);
    Decision decision = policy->EvaluateAddress(plain, port, kind);
    out.detail += (out.detail.empty() ? "leads to " : ", ") + plain.ToString();
    // The one who asked gave a name.
    if (decision.reason == Reason::kNoName) decision.reason = Reason::kNoRule;
    if (!out.decision.allow) out.decision = decision;
    // Whichever is dialled has what the decision says of limits.
    if (decision.allow && decision.limits == out.decision.limits) out.addresses.push_back(address);
  }
  co_return out;
}

}  // namespace cove::gateway
