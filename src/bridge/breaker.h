// Breaker: stops sending to a provider that keeps refusing, so that neither it nor the agents are
// kept busy with calls that cannot succeed.
//
// Closed: all calls pass. After `failures` refusals in a row within `window`: open for `open_for`,
// no call passes. Then half-open: one call at a time is tried; it closes the breaker if it goes
// well and opens it again if not. A call that says neither (its agent went away) changes nothing.
// Thread: loop-confined, no clock of its own.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"

namespace cove::bridge {

struct BreakerSettings {
  int failures = 5;
  Duration window = seconds(10);
  Duration open_for = seconds(30);
};

class Breaker {
 public:
  explicit Breaker(BreakerSettings settings = {}) : settings_(settings) {}

  // How long to stay away; nothing: the call may go. After "nothing", exactly one of Succeeded,
  // Failed and Left follows.
  std::optional<Duration> Enter(TimePoint now);
  void Succeeded();
  void Failed(TimePoint now);
  void Left() { trying_ = false; }

  bool open(TimePoint now) const { return open_until_ && now < *open_until_; }
  // Nothing to remember: as new.
  bool idle() const { return refusals_.empty() && !open_until_ && !trying_; }
  // What it remembers will open it no more by itself, or nobody has come back since it was open.
  bool stale(TimePoint now) const;

 private:
  BreakerSettings settings_;
  std::deque<TimePoint> refusals_;       // in a row, the newest `failures` ones
  std::optional<TimePoint> open_until_;  // set until a trial has gone well
  bool trying_ = false;                  // half-open, and somebody tries
};

// One breaker for each name (a model), made when first needed. The names come from agents: those
// with nothing to remember are dropped, at kNamesMax the stale ones as well, and while that makes
// no room further ones share one breaker.
class Breakers {
 public:
  static constexpr size_t kNamesMax = 256;
  explicit Breakers(BreakerSettings settings = {}) : settings_(settings) {}

  // A call's passage; leaving it without a verdict is Left(). Breakers must outlive it.
  class Pass {
   public:
    Pass(Breakers& owner, std::string name) : owner_(&owner), name_(std::move(name)) {}
    ~Pass();
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    // As Breaker::Enter; the verdicts may be given only after "nothing".
    std::optional<Duration> Enter(TimePoint now);
    void Succeeded();
    void Failed(TimePoint now);

   private:
    Breakers* owner_;
    std::string name_;
    bool inside_ = false;
  };
  size_t size() const { return breakers_.size(); }

 private:
  Breaker& Of(std::string& name, TimePoint now);
  Breaker* Find(const std::string& name);
  void Tidy(const std::string& name);
  BreakerSettings settings_;
  std::map<std::string, Breaker> breakers_;
};

}  // namespace cove::bridge
