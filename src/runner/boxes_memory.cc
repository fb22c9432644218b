// Out of memory in a box: what the kernel has killed for it is told, and what the kernel lets
// through is ended here (decision 0018).
#include <unistd.h>

#include <algorithm>

#include "async/fd_watch.h"
#include "log/log.h"
#include "runner/boxes.h"

namespace cove::runner {
namespace {

// What was killed has died by then.
constexpr seconds kDyingTime{1};
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

// Some of what the kernel holds for open files it counts for nobody: answers of netlink that nobody
// reads, options of sockets, pseudo-terminals of the whole machine. Where next to none is left, a
// workload that has thousands of files open has it, and ends before somebody else suffers.
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
  box.dying_until = Now() + kDyingTime;
  ++box.host_kills;
  TellOom(box);
}

}  // namespace cove::runner
