#include "gateway/usage.h"

#include <algorithm>

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

Reason Lease::Take(Usage& usage, const std::vector<RuleLimits>& limits) {
  for (const RuleLimits& one : limits) {
    const auto entry = usage.Of(one);
    if (one.connections && entry->connections >= *one.connections) {
      Release();
      return Reason::kLimit;
    }
    ++entry->connections;
    parts_.push_back({one, entry});
  }
  const Reason reason = TakeRequest();
  if (reason != Reason::kAllowed) Release();
  return reason;
}

Reason Lease::TakeRequest() {
  const TimePoint now = Now();
  for (const Part& part : parts_) {
    if (part.limits.bytes && part.entry->bytes >= *part.limits.bytes) return Reason::kUsedUp;
    if (part.entry->rate && !part.entry->rate->Take(now)) return Reason::kTooFast;
  }
  return Reason::kAllowed;
}

bool Lease::Spend(uint64_t bytes) {
  bool left = true;
  for (const Part& part : parts_) {
    part.entry->bytes += bytes;
    if (part.limits.bytes && part.entry->bytes > *part.limits.bytes) left = false;
  }
  return left;
}

Result<void> SpendBytes(Lease& lease, uint64_t bytes) {
  if (lease.Spend(bytes)) return Ok();
  return Error(Code::kExhausted, std::string(policy::ReasonText(Reason::kUsedUp)));
}

bool Lease::counts_bytes() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.limits.bytes.has_value(); });
}

void Lease::Release() {
  for (const Part& part : parts_) --part.entry->connections;
  parts_.clear();
}

}  // namespace cove::gateway
