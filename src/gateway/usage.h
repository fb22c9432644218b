// What a sandbox has used of the limits that rules set: connections at once, bytes in all, requests
// in a time. Counted by rule, for as long as the sandbox's door is open; a rule that is written
// anew begins anew. Thread: loop-confined.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/rate_limit.h"
#include "base/result.h"
#include "gateway/held_connections.h"
#include "policy/reason.h"
#include "policy/rule.h"

namespace cove::gateway {

struct UsageEntry {
  size_t connections = 0;
  uint64_t bytes = 0;
  std::optional<RateLimit> rate;
};

class Usage {
 public:
  std::shared_ptr<UsageEntry> Of(const policy::RuleLimits& limits);

 private:
  std::map<std::string, std::shared_ptr<UsageEntry>> by_rule_;
};

// One connection's (or request's) part in the limits of the rules that allowed it; what it holds of
// them is given back when it goes.
class Lease {
 public:
  Lease() = default;
  ~Lease() { Release(); }
  Lease(const Lease&) = delete;

  // kAllowed, or which limit is reached: then nothing is held. Call it once.
  policy::Reason Take(Usage& usage, const std::vector<policy::RuleLimits>& limits);
  // The same for a request, whose connection to the server outlives it: `held`, which outlives
  // this, keeps the place in `connections`.
  policy::Reason TakeRequest(Usage& usage, const std::vector<policy::RuleLimits>& limits,
                             HeldConnections& held, Route route);
  // One more request of the same connection.
  policy::Reason TakeAnother();
  // Whether these ask for nothing that was not taken: a rule that has got limits, or others, since
  // then does.
  bool Holds(const std::vector<policy::RuleLimits>& limits) const;
  // False once the bytes are used up: these ones may still pass, no more may.
  bool Spend(uint64_t bytes);
  bool counts_bytes() const;
  // How many bytes may still pass.
  uint64_t bytes_left() const;

 private:
  void Release();
  struct Part {
    policy::RuleLimits limits;
    std::shared_ptr<UsageEntry> entry;
  };
  bool TakePlace(const Part& part);

  HeldConnections* held_ = nullptr;
  Route route_;
  std::vector<Part> parts_;
};

// kExhausted.
Error UsedUp();
// The same when these bytes are too much: nothing more may pass.
Result<void> SpendBytes(Lease& lease, uint64_t bytes);

}  // namespace cove::gateway
