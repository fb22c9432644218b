// Limits of a part of a box, set anew or changed while it runs.
#include <algorithm>

#include "base/text.h"
#include "sys/cgroup.h"
#include "sys/small_file.h"

namespace cove::sys {
namespace {

constexpr uint32_t kUsualWeight = 100;
// The kernel charges each processor's next pages ahead, and knows some objects a little longer.
constexpr uint64_t kUnusedBytesMax = 2 << 20;
// Buffers of sockets up to this part of the memory end nobody.
constexpr uint64_t kSmallPart = 16;

// File cache goes when the limit shrinks; the rest stays, and v2 would kill for it.
Result<uint64_t> Held(const CgroupHierarchy& h, const std::string& dir) {
  ASSIGN_OR_RETURN(const std::string stat, ReadFile(dir + "/memory.stat"));
  return CounterIn(stat, h.v2 ? "anon" : "rss") + CounterIn(stat, "shmem");
}

Error HoldsMore(uint64_t held, uint64_t limit) {
  return {Code::kConflict, "its programs hold " + std::to_string(held >> 20) +
                               " MiB of memory, more than the new limit of " +
                               std::to_string(limit >> 20) + " MiB; end some first"};
}

const char* UsedFile(const CgroupHierarchy& h) {
  return h.v2 ? "/memory.current" : "/memory.usage_in_bytes";
}
const char* LimitFile(const CgroupHierarchy& h) {
  return h.v2 ? "/memory.max" : "/memory.limit_in_bytes";
}
constexpr const char* kBuffersFile =
    "/memory.kmem.tcp.usage_in_bytes";  // v1, where they are counted

// v1 does not tell how much of the kernel's own memory can go: all of it, while the buffers are
// within their own limit.
Result<uint64_t> KernelMemoryThatGoes(const CgroupHierarchy& h, const std::string& dir,
                                      std::string_view stat, uint64_t sockets) {
  if (h.v2) return CounterIn(stat, "slab_reclaimable");
  ASSIGN_OR_RETURN(const uint64_t slowed_at, ReadNumber(dir + "/memory.kmem.tcp.limit_in_bytes"));
  return sockets <= slowed_at ? ReadNumber(dir + "/memory.kmem.usage_in_bytes") : 0;
}

// memory <= memory+swap must hold at every moment, so which goes first depends on whether the limit
// grows or shrinks.
Result<void> LimitMemoryV1(const std::string& dir, uint64_t bytes) {
  const std::string text = std::to_string(bytes);
  const std::string memory = dir + "/memory.limit_in_bytes";
  const std::string with_swap = dir + "/memory.memsw.limit_in_bytes";
  ASSIGN_OR_RETURN(const std::string before, ReadFile(memory));
  if (ParseInt<uint64_t>(Trim(before)).value_or(UINT64_MAX) < bytes) {
    RETURN_IF_ERROR(WriteFileIfThere(with_swap, text));
    RETURN_IF_ERROR(WriteFile(memory, text));
  } else {
    RETURN_IF_ERROR(WriteFile(memory, text));
    RETURN_IF_ERROR(WriteFileIfThere(with_swap, text));
  }
  // Of the buffers of sockets, which it does not count as memory: from there on the kernel makes
  // them small. They may have more by now.
  auto slowed =
      WriteFileIfThere(dir + "/memory.kmem.tcp.limit_in_bytes", std::to_string(bytes / 4));
  return !slowed && slowed.error().sys_errno() == EBUSY ? Ok() : slowed;
}

Result<void> LimitMemory(const CgroupHierarchy& h, const std::string& dir, uint64_t bytes) {
  // What is held of the used takes the kernel long to add up; most limits are set on a new group.
  ASSIGN_OR_RETURN(const uint64_t used, ReadNumber(dir + UsedFile(h)));
  uint64_t held = 0;
  if (used > bytes) {
    ASSIGN_OR_RETURN(held, Held(h, dir));
    if (held > bytes) return HoldsMore(held, bytes);
  }
  if (h.v2) {
    RETURN_IF_ERROR(WriteFile(dir + "/memory.max", std::to_string(bytes)));
    return WriteFileIfThere(dir + "/memory.swap.max", "0");
  }
  auto done = LimitMemoryV1(dir, bytes);
  // What it holds grew meanwhile, or is kernel memory.
  if (!done && done.error().sys_errno() == EBUSY) return HoldsMore(std::max(held, used), bytes);
  return done;
}

Result<void> LimitCpu(const CgroupHierarchy& h, const std::string& dir, uint32_t millis) {
  constexpr uint32_t kPeriodUs = 100'000;
  // The kernel takes no quota below 1 ms.
  const uint32_t quota = std::max<uint32_t>(millis * (kPeriodUs / 1000), 1000);
  std::string text = std::to_string(quota);
  if (h.v2) text += " " + std::to_string(kPeriodUs);
  const std::string file = dir + (h.v2 ? "/cpu.max" : "/cpu.cfs_quota_us");
  // To set it the kernel walks all groups of the machine.
  ASSIGN_OR_RETURN(const std::string before, ReadFile(file));
  return Trim(before) == text ? Ok() : WriteFile(file, text);
}

// io.weight is iocost's, 1 to 10000; BFQ's goes to 1000. Either, both or none may be there.
Result<void> WeighIo(const CgroupHierarchy& h, const std::string& dir, uint32_t weight) {
  const std::string bfq = std::to_string(std::clamp<uint32_t>(weight, 1, 1000));
  if (!h.v2) return WriteFileIfThere(dir + "/blkio.bfq.weight", bfq);
  RETURN_IF_ERROR(WriteFileIfThere(dir + "/io.weight", std::to_string(weight)));
  return WriteFileIfThere(dir + "/io.bfq.weight", bfq);
}

}  // namespace

Result<void> CgroupTree::SetLimits(const std::string& box, CgroupPart part,
                                   const CgroupLimits& limits) const {
  // First what may be refused.
  if (limits.memory_bytes != 0) {
    const CgroupHierarchy& h = *Find("memory");
    RETURN_IF_ERROR(LimitMemory(h, Path(h, box, part), limits.memory_bytes));
  }
  if (limits.cpu_millis != 0) {
    const CgroupHierarchy& h = *Find("cpu");
    RETURN_IF_ERROR(LimitCpu(h, Path(h, box, part), limits.cpu_millis));
  }
  if (limits.pids != 0) {
    const std::string dir = Path(*Find("pids"), box, part);
    RETURN_IF_ERROR(WriteFile(dir + "/pids.max", std::to_string(limits.pids)));
  }
  const CgroupHierarchy* io = Find("io");
  if (limits.io_weight != 0 && io != nullptr) {
    RETURN_IF_ERROR(WeighIo(*io, Path(*io, box, part), limits.io_weight));
  }
  return Ok();
}

Result<void> CgroupTree::LiftLimits(const std::string& box) const {
  const std::string memory = Path(*Find("memory"), box, CgroupPart::kWork);
  RETURN_IF_ERROR(WriteFileIfThere(memory + "/memory.memsw.limit_in_bytes", "-1"));
  RETURN_IF_ERROR(WriteFile(memory + "/memory.limit_in_bytes", "-1"));
  RETURN_IF_ERROR(WriteFileIfThere(memory + "/memory.kmem.tcp.limit_in_bytes", "-1"));
  const std::string pids = Path(*Find("pids"), box, CgroupPart::kWork);
  RETURN_IF_ERROR(WriteFile(pids + "/pids.max", "max"));
  const CgroupHierarchy* io = Find("io");
  return io == nullptr ? Ok() : WeighIo(*io, Path(*io, box, CgroupPart::kWork), kUsualWeight);
}

bool CgroupTree::IsOccupied(const std::string& box) const {
  const auto count = ReadNumber(Path(*Find("pids"), box, CgroupPart::kBoth) + "/pids.current");
  return !count || *count != 0;
}

bool CgroupTree::IsUnused(const std::string& box) const {
  const CgroupHierarchy& h = *Find("memory");
  const auto used = ReadNumber(Path(h, box, CgroupPart::kBoth) + UsedFile(h));
  if (!used || *used > kUnusedBytesMax) return false;
  const auto kills = OomKills(box);
  const auto frozen = IsFrozen(box);
  return kills && *kills == 0 && frozen && !*frozen;
}

Result<uint64_t> CgroupTree::MemoryHeld(const std::string& box) const {
  const CgroupHierarchy& h = *Find("memory");
  return Held(h, Path(h, box, CgroupPart::kWork));
}

Result<uint64_t> CgroupTree::BeyondMemory(const std::string& box, uint64_t uncounted) const {
  const CgroupHierarchy& h = *Find("memory");
  if (h.v2 && uncounted == 0) return 0;
  const std::string dir = Path(h, box, CgroupPart::kWork);
  ASSIGN_OR_RETURN(const uint64_t limit, ReadNumber(dir + LimitFile(h)));
  ASSIGN_OR_RETURN(const uint64_t apart, h.v2 ? 0 : ReadNumber(dir + kBuffersFile));
  const uint64_t sockets = apart + uncounted;
  if (limit == 0 || sockets <= limit / kSmallPart) return 0;
  ASSIGN_OR_RETURN(const uint64_t used, ReadNumber(dir + UsedFile(h)));
  if (used + sockets <= limit) return 0;
  ASSIGN_OR_RETURN(const std::string stat, ReadFile(dir + "/memory.stat"));
  // Shared and locked memory is in it, and cannot be dropped.
  const uint64_t stays = CounterIn(stat, "shmem") + CounterIn(stat, "unevictable");
  const uint64_t cache = CounterIn(stat, h.v2 ? "file" : "cache");
  uint64_t held = used - std::min(used, cache - std::min(cache, stays));
  // Of the kernel's own much can go as well, names of files above all.
  ASSIGN_OR_RETURN(const uint64_t kernel, KernelMemoryThatGoes(h, dir, stat, sockets));
  held -= std::min(held, kernel);
  return held + sockets - std::min(held + sockets, limit);
}

Result<uint64_t> CgroupTree::SocketBuffersInAll() const {
  const CgroupHierarchy& h = *Find("memory");
  const std::string dir = h.mount + "/" + parent_;
  if (!h.v2) return ReadNumber(dir + kBuffersFile);
  ASSIGN_OR_RETURN(const std::string stat, ReadFile(dir + "/memory.stat"));
  return CounterIn(stat, "sock");
}

}  // namespace cove::sys
