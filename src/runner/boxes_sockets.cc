// What the sockets of boxes hold counts as their memory, also where the kernel does not count it so
// (decision 0018).
#include <algorithm>

#include "log/log.h"
#include "runner/boxes.h"

namespace cove::runner {
namespace {

// A sandbox can fill gigabytes of buffers in a second, so the sums of all are looked at often; at
// each box only when one has grown by so much, or once in a while, and for a part of the time at
// most.
constexpr milliseconds kPeriod{50};
constexpr milliseconds kPeriodOfMany{20};
constexpr milliseconds kPeriodOfStat{100};  // reading it adds up all groups of the machine
constexpr uint64_t kCountedWorthALook = 32 << 20;
// The machine's own sockets, and what each processor has at hand, are among these.
constexpr uint64_t kUncountedWorthALook = 64 << 20;
constexpr seconds kOnceInAWhile{1};
constexpr int kPartOfTheTime = 5;
constexpr seconds kLongAgo{2};
// A connection that the kernel does not tell of holds no more, but for rare ones.
constexpr uint64_t kHiddenBytesMax = 1 << 20;

// A sum that boxes drive up, and when it is worth a look at each of them.
class Growth {
 public:
  explicit Growth(uint64_t worth_a_look) : worth_a_look_(worth_a_look) {}

  bool IsLittle(uint64_t sum) const { return sum < worth_a_look_; }
  bool Due(uint64_t sum) {
    base_ = std::min(base_, sum);
    const TimePoint now = Now();
    if (IsLittle(sum) || now < not_before_) return false;
    return sum >= base_ + worth_a_look_ || now >= at_the_latest_;
  }
  // It was `sum` then, and to look took so long.
  void Looked(uint64_t sum, Duration took) {
    base_ = sum;
    not_before_ = Now() + (kPartOfTheTime - 1) * took;
    at_the_latest_ = Now() + kOnceInAWhile;
  }

 private:
  const uint64_t worth_a_look_;
  uint64_t base_ = 0;
  TimePoint not_before_ = Now();
  TimePoint at_the_latest_ = Now();
};

// What is hidden shares what nobody else can hold.
uint64_t ChargeOf(const sys::Unaccepted& box, const sys::Unaccepted& all, uint64_t others) {
  const auto hidden = [](const sys::Unaccepted& of) {
    return of.queued - std::min(of.queued, of.open);
  };
  const uint64_t seen = all.bytes + kUncountedWorthALook;
  const uint64_t rest = others - std::min(others, seen);
  if (hidden(box) == 0 || hidden(all) == 0) return box.bytes;
  return box.bytes + std::min(rest / hidden(all), kHiddenBytesMax) * hidden(box);
}

}  // namespace

// A paused one holds no more than when it was, and could not die. Of what is being killed not all
// has given back at once what it held.
void Boxes::GuardSockets(Box& box, uint64_t uncounted) {
  if (!box.running || box.paused || Now() < box.dying_until) return;
  const SandboxId& id = box.spec.id;
  const auto beyond = deps_.driver.BeyondMemory(id, uncounted);
  if (!beyond || *beyond == 0) return;
  log::Warn(
      "box.sockets_full",
      {{"sandbox", id.value}, {"mib_beyond", *beyond >> 20}, {"mib_unaccepted", uncounted >> 20}});
  KillForMemory(box);
}

Task<void> Boxes::UntilOneRuns() {
  const auto runs = [](const auto& item) { return item.second->running && !item.second->paused; };
  while (std::none_of(boxes_.begin(), boxes_.end(), runs)) co_await runs_.Wait();
}

// Where the kernel counts them apart from memory (v1).
Task<void> Boxes::WatchSockets() {
  if (!deps_.driver.SocketsApart()) co_return;
  Growth counted(kCountedWorthALook);
  for (;;) {
    co_await UntilOneRuns();
    const auto sum = deps_.driver.SocketBuffersInAll();
    const uint64_t all = sum ? *sum : 0;
    if (counted.Due(all)) {
      const TimePoint begin = Now();
      for (const auto& [id, box] : boxes_) GuardSockets(*box, 0);
      counted.Looked(all, Now() - begin);
    }
    co_await async::Sleep(counted.IsLittle(all) ? kPeriod : kPeriodOfMany);
  }
}

// What waits to be accepted the kernel counts for nobody.
Task<void> Boxes::WatchUnaccepted() {
  Growth uncounted(kUncountedWorthALook);
  for (;;) {
    co_await UntilOneRuns();
    const auto sum = deps_.socket_bytes();
    const bool many = sum && !uncounted.IsLittle(*sum);
    const auto counted = many ? deps_.driver.SocketBuffersInAll() : Result<uint64_t>(0);
    const uint64_t others = many && counted ? *sum - std::min(*sum, *counted) : 0;
    if (uncounted.Due(others)) uncounted.Looked(others, co_await GuardUnaccepted(others));
    const milliseconds of_many = deps_.driver.SocketsApart() ? kPeriodOfMany : kPeriodOfStat;
    co_await async::Sleep(many ? of_many : kPeriod);
  }
}

// Gives how long that took, without the others' turns between. What a paused one holds is nobody
// else's. Nobody is charged for what is hidden where another might have it of whom not all is
// known, nor for what was found too long ago, or in an earlier run.
Task<Duration> Boxes::GuardUnaccepted(uint64_t others) {
  struct Found {
    BoxPtr box;
    uint64_t start_time = 0;
    TimePoint at;
    sys::Unaccepted unaccepted;
    bool known = true;
  };
  Duration took{};
  std::vector<Found> found;
  sys::Unaccepted all;
  int unknown = 0;
  const std::map<SandboxId, BoxPtr> boxes = boxes_;
  for (const auto& [id, box] : boxes) {
    if (!box->running) continue;
    Found one{box, box->running->start_time, Now(), {}, true};
    const std::vector<sys::Network> networks = deps_.driver.NetworksOf(id);
    took += Now() - one.at;
    for (const sys::Network& network : networks) {
      co_await async::Yield();
      const TimePoint begin = Now();
      const auto in_it = deps_.driver.UnacceptedIn(network);
      if (in_it) {
        one.unaccepted += *in_it;
      } else {
        one.known = false;
        TellUnknown(in_it.error());
      }
      took += Now() - begin;
    }
    if (!box->running || box->running->start_time != one.start_time) continue;
    one.at = Now();
    GuardSockets(*box, one.unaccepted.bytes);
    if (!one.known) ++unknown;
    all += one.unaccepted;
    found.push_back(std::move(one));
  }
  for (const Found& one : found) {
    const bool same = one.box->running && one.box->running->start_time == one.start_time;
    const bool others_known = unknown == (one.known ? 0 : 1);
    if (!others_known || !same || Now() > one.at + kLongAgo) continue;
    GuardSockets(*one.box, ChargeOf(one.unaccepted, all, others));
  }
  co_return took;
}

void Boxes::TellUnknown(const Error& why) {
  if (why.code() == Code::kGone || std::exchange(unknown_told_, true)) return;
  log::Warn("box.unaccepted_unknown", {{"why", why.message()}});
}

}  // namespace cove::runner
