#include "gateway/usage.h"

#include <algorithm>
#include <limits>

namespace cove::gateway {

using policy::Reason;
using policy::RuleLimits;

std::shared_ptr<UsageEntry> Usage::Of(const RuleLimits& limits) {
  std::shared_ptr<UsageEntry>& entry = by_rule_[limits.rule];
  if (entry == nullptr) {
    entry = std::make_shared<UsageEntry>();
    if (limits.rate) {
      const double count = limits.rate->count;
      entry->rate.emplace(count / static_cast<double>(limits.rate->per.count()), count);
    }
  }
  return entry;
}

bool Lease::TakePlace(const Part& part) {
  const auto& most = part.limits.connections;
  if (held_ != nullptr) return held_->Take(part.entry, most, route_);
  if (most && part.entry->connections >= *most) return false;
  ++part.entry->connections;
  return true;
}

Reason Lease::Take(Usage& usage, const std::vector<RuleLimits>& limits) {
  for (const RuleLimits& one : limits) {
    Part part{one, usage.Of(one)};
    if (!TakePlace(part)) {
      Release();
      return Reason::kLimit;
    }
    parts_.push_back(std::move(part));
  }
  const Reason reason = TakeAnother();
  if (reason != Reason::kAllowed) Release();
  return reason;
}

Reason Lease::TakeRequest(Usage& usage, const std::vector<RuleLimits>& limits,
                          HeldConnections& held, Route route) {
  held_ = &held;
  route_ = std::move(route);
  return Take(usage, limits);
}

Reason Lease::TakeAnother() {
  const TimePoint now = Now();
  for (const Part& part : parts_) {
    if (part.limits.bytes && part.entry->bytes >= *part.limits.bytes) return Reason::kUsedUp;
    if (part.entry->rate && !part.entry->rate->Take(now)) return Reason::kTooFast;
  }
  return Reason::kAllowed;
}

bool Lease::Holds(const std::vector<RuleLimits>& limits) const {
  return std::all_of(limits.begin(), limits.end(), [&](const RuleLimits& one) {
    return std::any_of(parts_.begin(), parts_.end(),
                       [&](const Part& part) { return part.limits == one; });
  });
}

bool Lease::Spend(uint64_t bytes) {
  bool left = true;
  for (const Part& part : parts_) {
    part.entry->bytes += bytes;
    if (part.limits.bytes && part.entry->bytes > *part.limits.bytes) left = false;
  }
  return left;
}

Error UsedUp() { return {Code::kExhausted, std::string(policy::ReasonText(Reason::kUsedUp))}; }

Result<void> SpendBytes(Lease& lease, uint64_t bytes) {
  if (lease.Spend(bytes)) return Ok();
  return UsedUp();
}

bool Lease::counts_bytes() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.limits.bytes.has_value(); });
}

uint64_t Lease::bytes_left() const {
  uint64_t left = std::numeric_limits<uint64_t>::max();
  for (const Part& part : parts_) {
    if (!part.limits.bytes) continue;
    const uint64_t used = std::min(part.entry->bytes, *part.limits.bytes);
    left = std::min(left, *part.limits.bytes - used);
  }
  return left;
}

void Lease::Release() {
  for (const Part& part : parts_) {
    if (held_ != nullptr) {
      held_->GiveBack(part.entry, route_);
    } else {
      --part.entry->connections;
    }
  }
  parts_.clear();
}

}  // namespace cove::gateway
