// Out of memory in a box: what the kernel has killed for it is told, and what the kernel lets
// through is ended here (decision 0018).
#include <unistd.h>

#include <algorithm>

#include "async/fd_watch.h"
#include "log/log.h"
#include "runner/boxes.h"

namespace cove::runner {
namespace {

// A sandbox can fill gigabytes of buffers in a second, so the sums of all are looked at often; at
// each box only when one has grown by so much, or once in a while, and for a tenth of the time at
// most.
constexpr milliseconds kSocketsPeriod{50};
constexpr milliseconds kSocketsPeriodOfMany{20};
constexpr uint64_t kCountedWorthALook = 32 << 20;
// The machine's own sockets, and what each processor has at hand, are among these.
constexpr uint64_t kUncountedWorthALook = 64 << 20;
constexpr seconds kOnceInAWhile{1};
constexpr int kShareOfTime = 10;
// Less of the machine than these is next to nothing.
constexpr uint64_t kMemoryLeft = 256 << 20;
constexpr uint64_t kMemoryPart = 32;
constexpr uint64_t kTerminalsPart = 4;
// As many files hold half of the machine's memory, 8 MiB each, or half of its terminals.
constexpr uint64_t kHeldByAFile = 8 << 20;
constexpr uint64_t kFilesMin = 256;

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
  // At what was this sum when it was begun.
  void Looked(uint64_t sum, TimePoint begin) {
    base_ = sum;
    not_before_ = begin + kShareOfTime * (Now() - begin);
    at_the_latest_ = begin + kOnceInAWhile;
  }

 private:
  const uint64_t worth_a_look_;
  uint64_t base_ = 0;
  TimePoint not_before_ = Now();
  TimePoint at_the_latest_ = Now();
};

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
// has given back at once what it held. What is uncounted takes long to find out.
Task<void> Boxes::GuardSockets(Sockets which) {
  std::vector<BoxPtr> boxes;
  for (const auto& [id, box] : boxes_) boxes.push_back(box);
  for (const BoxPtr& box : boxes) {
    if (which == Sockets::kAll) co_await async::Yield();
    if (!box->running || box->paused || Now() < box->dying_until) continue;
    const SandboxId& id = box->spec.id;
    const auto unaccepted =
        which == Sockets::kAll ? deps_.driver.UnacceptedBytes(id) : Result<uint64_t>(0);
    const auto beyond = deps_.driver.BeyondMemory(id, unaccepted ? *unaccepted : 0);
    if (!beyond || *beyond == 0) continue;
    log::Warn("box.sockets_full", {{"sandbox", id.value},
                                   {"mib_beyond", *beyond >> 20},
                                   {"mib_unaccepted", (unaccepted ? *unaccepted : 0) >> 20}});
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
  const auto runs = [](const auto& item) { return item.second->running && !item.second->paused; };
  const bool apart = deps_.driver.SocketsApart();
  Growth counted(kCountedWorthALook);
  Growth uncounted(kUncountedWorthALook);
  for (;;) {
    while (std::none_of(boxes_.begin(), boxes_.end(), runs)) co_await runs_.Wait();
    const auto all = deps_.socket_bytes();
    // Where they are not apart it takes long to say how much they are.
    const bool ask = apart || (all && !uncounted.IsLittle(*all));
    const auto in_groups = ask ? deps_.driver.SocketBuffersInAll() : Result<uint64_t>(0);
    const uint64_t ours = in_groups ? *in_groups : 0;
    const uint64_t others = all && in_groups ? *all - std::min(*all, ours) : 0;
    const TimePoint begin = Now();
    if (uncounted.Due(others)) {
      co_await GuardSockets(Sockets::kAll);
      uncounted.Looked(others, begin);
      counted.Looked(ours, begin);
    } else if (apart && counted.Due(ours)) {
      co_await GuardSockets(Sockets::kCounted);
      counted.Looked(ours, begin);
    }
    const bool little = counted.IsLittle(ours) && uncounted.IsLittle(others);
    co_await async::Sleep(little ? kSocketsPeriod : kSocketsPeriodOfMany);
  }
}

}  // namespace cove::runner
