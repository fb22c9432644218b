#include "toolbox/oom_watch.h"

#include <fcntl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>

#include "async/fd_watch.h"
#include "async/signals.h"
#include "async/timer.h"
#include "proto/boot.h"
#include "sys/oom_count.h"
#include "toolbox/process_tree.h"

namespace cove::toolbox {
namespace {

constexpr size_t kVictimsMax = 64;
// The kernel tells of the event before it has counted its victim (version 1).
constexpr milliseconds kLookEvery{1};
constexpr int kLooks = 50;
// And it counts before it sends the signal, which takes a moment to be seen.
constexpr int kLooksForOne = 4;

}  // namespace

OomWatch::OomWatch(UniqueFd counter, UniqueFd event)
    : counter_(std::move(counter)),
      event_(std::move(event)),
      told_(async::BlockSignals({proto::boot::kOutOfMemorySignal})),
      looked_at_(kills()) {}

// The signal is there before what it tells of has begun, so to look for it when somebody asks is
// early enough.
OomCount OomWatch::Count() {
  signalfd_siginfo told{};
  while (read(told_.get(), &told, sizeof told) == sizeof told) ++by_host_;
  return {kills(), by_host_};
}

uint64_t OomWatch::kills() const {
  if (!counter_) return 0;
  const auto kills = sys::ReadOomKills(counter_.get());
  return kills ? *kills : 0;
}

async::Task<void> OomWatch::Run() {
  if (!event_) co_return;
  async::FdWatch watch(event_.get());
  uint64_t shortages = 0;
  for (;;) {
    co_await watch.Readable();
    uint64_t events = 0;
    // memory.events (v2): armed again. It also tells of every reclaim at the limit, which is
    // nothing to look for; the eventfd (v1) cannot be read from a place.
    const bool v2 = pread(event_.get(), &events, sizeof events, 0) >= 0;
    (void)!read(event_.get(), &events, sizeof events);
    const auto counted = sys::ReadOutOfMemory(counter_.get());
    const bool worth = !v2 || !counted || *counted != std::exchange(shortages, *counted);
    if (worth) co_await LookForVictims();
  }
}

async::Task<void> OomWatch::LookForVictims() {
  int missed = 0;
  for (int i = 0; i < kLooks || missed > 0; ++i) {
    const uint64_t now = kills();
    const Found found = Look(now);
    const bool by_another = missed > 0 && found == Found::kNothingNew;
    if (found == Found::kVictims || by_another) co_return;
    if (found == Found::kNobody && ++missed == kLooksForOne) {
      looked_at_ = now;  // who was not found by now is gone
      co_return;
    }
    co_await async::Sleep(kLookEvery);
  }
}

// With more that die of SIGKILL than the kernel has killed nobody can say which they are.
OomWatch::Found OomWatch::Look(uint64_t now) {
  if (now <= looked_at_) return Found::kNothingNew;
  const uint64_t fresh = now - looked_at_;
  const auto all = ListProcesses();
  std::vector<ProcessRow> dying;
  for (const ProcessRow& row : all) {
    const auto known = [&row](const Victim& v) { return v.pid == row.pid; };
    if (std::any_of(victims_.begin(), victims_.end(), known)) continue;
    if (DiesOfKill(row)) dying.push_back(row);
  }
  if (dying.empty()) return Found::kNobody;
  looked_at_ = now;
  if (dying.size() > fresh) return Found::kVictims;
  // Who still dies was killed last.
  uint64_t number = now - dying.size();
  for (const ProcessRow& row : dying) {
    victims_.push_back({++number, row.pid, row.name, {row.pid, row.session}});
    auto& leaders = victims_.back().leaders;
    for (const pid_t ancestor : AncestorsOf(all, row.pid)) leaders.push_back(ancestor);
    if (victims_.size() > kVictimsMax) victims_.pop_front();
  }
  return Found::kVictims;
}

OomToll OomWatch::TollOf(const OomCount& before, pid_t leader) {
  const OomCount now = Count();
  Look(now.by_kernel);
  OomToll toll;
  toll.by_host = now.by_host - before.by_host;
  toll.kills = now.by_kernel - std::min(now.by_kernel, before.by_kernel);
  for (const Victim& victim : victims_) {
    if (victim.number <= before.by_kernel) continue;
    const auto& leaders = victim.leaders;
    if (std::find(leaders.begin(), leaders.end(), leader) == leaders.end()) {
      ++toll.others;
      continue;
    }
    ++toll.own;
    if (!toll.names.empty()) toll.names += ", ";
    toll.names += victim.name + " (" + std::to_string(victim.pid) + ")";
  }
  return toll;
}

}  // namespace cove::toolbox
