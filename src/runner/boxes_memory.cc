// Out of memory in a box: what the kernel has killed for it is told, and what the kernel lets
// through is ended here (decision 0018).
#include <unistd.h>

#include <algorithm>

#include "async/fd_watch.h"
#include "log/log.h"
#include "runner/boxes.h"

namespace cove::runner {
namespace {

// A sandbox can fill gigabytes of buffers in a second, so the sum of all is looked at often; at
// each box only when that has grown by so much, or once in a while, and for a tenth of the time at
// most.
constexpr milliseconds kSocketsPeriod{50};
constexpr milliseconds kSocketsPeriodOfMany{20};
constexpr uint64_t kSocketsWorthALook = 32 << 20;
constexpr seconds kOnceInAWhile{1};
constexpr int kShareOfTime = 10;
// Less of the machine than these is next to nothing.
constexpr uint64_t kMemoryLeft = 256 << 20;
constexpr uint64_t kMemoryPart = 32;
constexpr uint64_t kTerminalsPart = 4;
// As many files hold half of the machine's memory, 8 MiB each, or half of its terminals.
constexpr uint64_t kHeldByAFile = 8 << 20;
constexpr uint64_t kFilesMin = 256;

}  // namespace

void Boxes::TellOom(const Box& box) {
  log::Warn("box.oom", {{"sandbox", box.spec.id.value}, {"kills", box.kills()}});
  if (deps_.on_oom) deps_.on_oom({box.spec.id, box.kills()});
}

// The kernel tells of the event before it has counted its victim (v1), so the count is looked at
// again a little later; an idle box wakes nobody.
Task<void> Boxes::WatchOom(BoxPtr box) {
  constexpr milliseconds kFirstLook{2};
  constexpr milliseconds kLastLook{500};
  const int fd = box->running->oom_event.get();
  if (fd < 0) co_return;
  async::FdWatch watch(fd);
  Duration look = kFirstLook;
  for (;;) {
    uint64_t events = 0;
    (void)!pread(fd, &events, sizeof events, 0);  // memory.events (v2): armed again by reading
    (void)!read(fd, &events, sizeof events);      // the eventfd (v1)
    const auto kills = deps_.driver.OomKills(box->spec.id);
    if (kills && *kills > box->oom_kills) {
      box->oom_kills = *kills;
      TellOom(*box);
    }
    const bool again = look <= kLastLook;
    const bool event = co_await watch.Readable(again ? Now() + look : kNever);
    look = event ? Duration(kFirstLook) : look * 4;
  }
}

// A paused one holds no more than when it was, and could not die. Of what is being killed not all
// has given back at once what it held.
void Boxes::GuardSockets() {
  for (const auto& [id, box] : boxes_) {
    if (!box->running || box->paused) continue;
    const auto beyond = deps_.driver.BeyondMemory(id);
    if (!beyond || *beyond == 0 || Now() < box->dying_until) continue;
    log::Warn("box.sockets_full", {{"sandbox", id.value}, {"mib_beyond", *beyond >> 20}});
    KillForMemory(*box);
  }
}

// Some of what the kernel holds for open files it counts for nobody: what came for connections that
// nobody has accepted, answers of netlink that nobody reads, options of sockets, pseudo-terminals
// of the whole machine. Where next to none is left, a workload that has thousands of files open has
// it, and ends before somebody else suffers.
void Boxes::GuardMachine() {
  const auto machine = deps_.look_at_machine();
  if (!machine) return;
  const bool memory =
      machine->memory_available >= std::max(kMemoryLeft, machine->memory / kMemoryPart);
  const bool terminals = machine->terminals_available >= machine->terminals / kTerminalsPart;
  if (memory && terminals) return;
  Box* most = nullptr;
  uint64_t most_files = terminals ? machine->memory / kHeldByAFile / 2 : machine->terminals / 2;
  most_files = std::max(most_files, kFilesMin);
  for (const auto& [id, box] : boxes_) {
    if (!box->running || box->paused || Now() < box->dying_until) continue;
    const uint64_t files = deps_.driver.FilesOf(id);
    if (files <= most_files) continue;
    most = box.get();
    most_files = files;
  }
  if (most == nullptr) return;
  log::Warn("box.files_full", {{"sandbox", most->spec.id.value},
                               {"files", most_files},
                               {"mib_left", machine->memory_available >> 20},
                               {"terminals_left", machine->terminals_available}});
  KillForMemory(*most);
}

void Boxes::KillForMemory(Box& box) {
  const SandboxId& id = box.spec.id;
  if (const auto killed = deps_.driver.KillForMemory(*box.running); !killed) {
    log::Error("box.not_killed", {{"sandbox", id.value}, {"why", killed.error().message()}});
    return;
  }
  box.dying_until = Now() + kOnceInAWhile;
  ++box.host_kills;
  TellOom(box);
}

Task<void> Boxes::WatchSockets() {
  if (!deps_.driver.SocketsApart()) co_return;
  const auto runs = [](const auto& item) { return item.second->running && !item.second->paused; };
  uint64_t base = 0;
  TimePoint not_before = Now();
  TimePoint at_the_latest = Now();
  for (;;) {
    while (std::none_of(boxes_.begin(), boxes_.end(), runs)) co_await runs_.Wait();
    const auto counted = deps_.driver.SocketBuffersInAll();
    const uint64_t all = counted ? *counted : 0;
    base = std::min(base, all);
    const TimePoint begin = Now();
    const bool due =
        all >= base + kSocketsWorthALook || (all >= kSocketsWorthALook && begin >= at_the_latest);
    if (due && begin >= not_before) {
      GuardSockets();
      base = all;
      not_before = begin + kShareOfTime * (Now() - begin);
      at_the_latest = begin + kOnceInAWhile;
    }
    co_await async::Sleep(all < kSocketsWorthALook ? kSocketsPeriod : kSocketsPeriodOfMany);
  }
}

}  // namespace cove::runner
