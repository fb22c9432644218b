#include "sys/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "sys/oom_count.h"
#include "sys/small_file.h"

namespace cove::sys {
namespace {

constexpr std::array<std::string_view, 4> kNeeded = {"cpu", "memory", "pids", "freezer"};
constexpr std::array kParts = {CgroupPart::kWork, CgroupPart::kToolbox, CgroupPart::kBoth};

// A v1 memory file that the kernel may have been built without.
Result<void> WriteIfThere(const std::string& path, const std::string& text) {
  if (access(path.c_str(), F_OK) != 0) return Ok();
  return WriteFile(path, text);
}

}  // namespace

bool CgroupHierarchy::Has(std::string_view controller) const {
  return std::find(controllers.begin(), controllers.end(), controller) != controllers.end();
}

std::vector<CgroupHierarchy> ParseCgroupMounts(std::string_view mountinfo,
                                               std::string_view v2_controllers) {
  std::vector<CgroupHierarchy> found;
  std::vector<std::string_view> taken;
  // Two passes: what v1 carries, v2 cannot.
  for (const bool v2 : {false, true}) {
    for (std::string_view line : Split(mountinfo, '\n')) {
      const size_t dash = line.find(" - ");
      if (dash == std::string_view::npos) continue;
      const auto left = Split(line.substr(0, dash), ' ');
      const auto right = Split(line.substr(dash + 3), ' ');
      if (left.size() < 5 || right.size() < 3 || right[0] != (v2 ? "cgroup2" : "cgroup")) continue;
      CgroupHierarchy h{.mount = std::string(left[4]), .v2 = v2, .controllers = {}};
      const auto carried = v2 ? Split(Trim(v2_controllers), ' ') : Split(right[2], ',');
      for (std::string_view name : kNeeded) {
        // Every v2 cgroup can be frozen; there is no controller of that name.
        const bool has = std::find(carried.begin(), carried.end(), name) != carried.end() ||
                         (v2 && name == "freezer" && !h.controllers.empty());
        if (!has || std::find(taken.begin(), taken.end(), name) != taken.end()) continue;
        taken.push_back(name);
        h.controllers.emplace_back(name);
      }
      if (!h.controllers.empty()) found.push_back(std::move(h));
    }
  }
  return found;
}

const CgroupHierarchy* CgroupTree::Find(std::string_view controller) const {
  for (const CgroupHierarchy& h : hierarchies_) {
    if (h.Has(controller)) return &h;
  }
  return nullptr;
}

std::string CgroupTree::Path(const CgroupHierarchy& h, const std::string& box,
                             CgroupPart part) const {
  std::string path = h.mount + "/" + parent_ + "/" + box;
  if (part == CgroupPart::kToolbox) path += "/toolbox";
  if (part == CgroupPart::kWork) path += "/work";
  return path;
}

namespace {

// v2 gives controllers to children only when the parent says so.
Result<void> Delegate(const CgroupHierarchy& h, const std::string& dir) {
  if (!h.v2) return Ok();
  std::string text;
  for (const std::string& name : h.controllers) {
    if (name != "freezer") text += "+" + name + " ";
  }
  if (auto done = WriteFile(dir + "/cgroup.subtree_control", text); !done) {
    return std::move(done).error().Wrap("the cgroup " + dir +
                                        " cannot hand its controllers down (processes in it? not "
                                        "delegated to this service?)");
  }
  return Ok();
}

}  // namespace

Result<CgroupTree> CgroupTree::Open(std::string parent) {
  CgroupTree tree;
  tree.parent_ = std::move(parent);
  ASSIGN_OR_RETURN(const std::string mountinfo, ReadFile("/proc/self/mountinfo"));
  std::string v2;
  for (std::string_view line : Split(mountinfo, '\n')) {
    if (line.find(" - cgroup2 ") == std::string_view::npos) continue;
    const auto fields = Split(line, ' ');
    auto text = ReadFile(std::string(fields[4]) + "/cgroup.controllers");
    if (text) v2 = std::move(*text);
  }
  tree.hierarchies_ = ParseCgroupMounts(mountinfo, v2);
  for (std::string_view name : kNeeded) {
    if (tree.Find(name) == nullptr) {
      return Error(Code::kUnavailable,
                   "no cgroup hierarchy offers the controller \"" + std::string(name) +
                       "\": mount /sys/fs/cgroup writable, with cpu, memory, pids and freezer");
    }
  }
  for (const CgroupHierarchy& h : tree.hierarchies_) {
    RETURN_IF_ERROR(Delegate(h, h.mount));
    const std::string dir = h.mount + "/" + tree.parent_;
    RETURN_IF_ERROR(MakeDir(dir, 0755));
    RETURN_IF_ERROR(Delegate(h, dir));
  }
  return tree;
}

Result<void> CgroupTree::Create(const std::string& box) const {
  for (const CgroupHierarchy& h : hierarchies_) {
    RETURN_IF_ERROR(MakeDir(Path(h, box, CgroupPart::kBoth), 0755));
    RETURN_IF_ERROR(Delegate(h, Path(h, box, CgroupPart::kBoth)));
    RETURN_IF_ERROR(MakeDir(Path(h, box, CgroupPart::kToolbox), 0755));
    RETURN_IF_ERROR(MakeDir(Path(h, box, CgroupPart::kWork), 0755));
  }
  return Ok();
}

namespace {

Result<void> LimitMemoryV1(const std::string& dir, uint64_t bytes) {
  const std::string text = std::to_string(bytes);
  // memory <= memory+swap must hold at every moment, so which goes first depends on whether the
  // limit grows or shrinks.
  const bool swap = access((dir + "/memory.memsw.limit_in_bytes").c_str(), F_OK) == 0;
  if (!WriteFile(dir + "/memory.limit_in_bytes", text) && swap) {
    RETURN_IF_ERROR(WriteFile(dir + "/memory.memsw.limit_in_bytes", text));
    RETURN_IF_ERROR(WriteFile(dir + "/memory.limit_in_bytes", text));
  } else if (swap) {
    RETURN_IF_ERROR(WriteFile(dir + "/memory.memsw.limit_in_bytes", text));
  } else {
    RETURN_IF_ERROR(WriteFile(dir + "/memory.limit_in_bytes", text));
  }
  // TCP buffers are not charged to the memory limit of v1.
  return WriteIfThere(dir + "/memory.kmem.tcp.limit_in_bytes", std::to_string(bytes / 4));
}

Result<void> LimitMemory(const CgroupHierarchy& h, const std::string& dir, uint64_t bytes) {
  if (!h.v2) return LimitMemoryV1(dir, bytes);
  RETURN_IF_ERROR(WriteFile(dir + "/memory.max", std::to_string(bytes)));
  return WriteIfThere(dir + "/memory.swap.max", "0");
}

Result<void> LimitCpu(const CgroupHierarchy& h, const std::string& dir, uint32_t millis) {
  constexpr uint32_t kPeriodUs = 100'000;
  // The kernel takes no quota below 1 ms.
  const uint32_t quota = std::max<uint32_t>(millis * (kPeriodUs / 1000), 1000);
  if (h.v2) {
    return WriteFile(dir + "/cpu.max", std::to_string(quota) + " " + std::to_string(kPeriodUs));
  }
  return WriteFile(dir + "/cpu.cfs_quota_us", std::to_string(quota));
}

}  // namespace

Result<void> CgroupTree::SetLimits(const std::string& box, CgroupPart part,
                                   const CgroupLimits& limits) const {
  if (limits.cpu_millis != 0) {
    const CgroupHierarchy& h = *Find("cpu");
    RETURN_IF_ERROR(LimitCpu(h, Path(h, box, part), limits.cpu_millis));
  }
  if (limits.memory_bytes != 0) {
    const CgroupHierarchy& h = *Find("memory");
    RETURN_IF_ERROR(LimitMemory(h, Path(h, box, part), limits.memory_bytes));
  }
  if (limits.pids != 0) {
    const std::string dir = Path(*Find("pids"), box, part);
    RETURN_IF_ERROR(WriteFile(dir + "/pids.max", std::to_string(limits.pids)));
  }
  return Ok();
}

Result<std::vector<UniqueFd>> CgroupTree::OpenProcs(const std::string& box, CgroupPart part) const {
  std::vector<UniqueFd> fds;
  for (const CgroupHierarchy& h : hierarchies_) {
    ASSIGN_OR_RETURN(UniqueFd fd, sys::Open(Path(h, box, part) + "/cgroup.procs", O_WRONLY));
    fds.push_back(std::move(fd));
  }
  return fds;
}

Result<UniqueFd> CgroupTree::OpenForClone(const std::string& box, CgroupPart part) const {
  for (const CgroupHierarchy& h : hierarchies_) {
    if (h.v2) return sys::Open(Path(h, box, part), O_PATH | O_DIRECTORY);
  }
  return UniqueFd();
}

Result<void> CgroupTree::AttachV1(const std::string& box, CgroupPart part, pid_t pid) const {
  const std::string text = std::to_string(pid);
  for (const CgroupHierarchy& h : hierarchies_) {
    if (!h.v2) RETURN_IF_ERROR(WriteFile(Path(h, box, part) + "/cgroup.procs", text));
  }
  return Ok();
}

Result<std::vector<pid_t>> CgroupTree::Processes(const std::string& box, CgroupPart part) const {
  const CgroupHierarchy& h = *Find("pids");
  std::vector<pid_t> pids;
  auto text = ReadFile(Path(h, box, part) + "/cgroup.procs");
  if (!text && text.error().code() == Code::kNotFound) return pids;
  if (!text) return std::move(text).error();
  for (std::string_view line : Split(*text, '\n')) {
    if (const auto pid = ParseInt<pid_t>(line); pid && *pid > 0) pids.push_back(*pid);
  }
  return pids;
}

Result<void> CgroupTree::SetFrozen(const std::string& box, std::string_view v1,
                                   std::string_view v2) const {
  const CgroupHierarchy& h = *Find("freezer");
  const std::string dir = Path(h, box, CgroupPart::kBoth);
  if (h.v2) return WriteFile(dir + "/cgroup.freeze", v2);
  return WriteFile(dir + "/freezer.state", v1);
}

Result<void> CgroupTree::Freeze(const std::string& box) const {
  return SetFrozen(box, "FROZEN", "1");
}

Result<void> CgroupTree::Thaw(const std::string& box) const {
  auto done = SetFrozen(box, "THAWED", "0");
  if (!done && done.error().code() == Code::kNotFound) return Ok();
  return done;
}

Result<bool> CgroupTree::IsFrozen(const std::string& box) const {
  const CgroupHierarchy& h = *Find("freezer");
  const std::string dir = Path(h, box, CgroupPart::kBoth);
  auto text = ReadFile(dir + (h.v2 ? "/cgroup.events" : "/freezer.state"));
  if (!text && text.error().code() == Code::kNotFound) return false;
  if (!text) return std::move(text).error();
  return h.v2 ? CounterIn(*text, "frozen") == 1 : Trim(*text) == "FROZEN";
}

Result<CgroupTree::Reclaim> CgroupTree::OpenReclaim(const std::string& box) const {
  const CgroupHierarchy& h = *Find("memory");
  const std::string dir = Path(h, box, CgroupPart::kBoth);
  Reclaim out;
  if (!h.v2) {
    ASSIGN_OR_RETURN(out.file, sys::Open(dir + "/memory.force_empty", O_WRONLY));
    out.text = "0";
    return out;
  }
  ASSIGN_OR_RETURN(const std::string used, ReadFile(dir + "/memory.current"));
  ASSIGN_OR_RETURN(out.file, sys::Open(dir + "/memory.reclaim", O_WRONLY));
  out.text = Trim(used);
  return out;
}

Result<void> CgroupTree::SetSwap(const std::string& box, Swap swap) const {
  const CgroupHierarchy& h = *Find("memory");
  if (!h.v2) return Ok();  // there the limit of memory and swap together holds it
  const std::string dir = Path(h, box, CgroupPart::kWork);
  return WriteIfThere(dir + "/memory.swap.max", swap == Swap::kAllowed ? "max" : "0");
}

Result<UniqueFd> CgroupTree::OpenOomCounter(const std::string& box) const {
  const CgroupHierarchy& h = *Find("memory");
  const std::string dir = Path(h, box, CgroupPart::kWork);
  return sys::Open(dir + (h.v2 ? "/memory.events" : "/memory.oom_control"), O_RDONLY);
}

Result<uint64_t> CgroupTree::OomKills(const std::string& box) const {
  ASSIGN_OR_RETURN(const UniqueFd counter, OpenOomCounter(box));
  return ReadOomKills(counter.get());
}

Result<UniqueFd> CgroupTree::OpenOomEvent(const std::string& box) const {
  const CgroupHierarchy& h = *Find("memory");
  const std::string dir = Path(h, box, CgroupPart::kWork);
  if (h.v2) return sys::Open(dir + "/memory.events", O_RDONLY);
  UniqueFd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return Error::FromErrno("eventfd");
  ASSIGN_OR_RETURN(const UniqueFd control, sys::Open(dir + "/memory.oom_control", O_RDONLY));
  RETURN_IF_ERROR(WriteFile(dir + "/cgroup.event_control",
                            std::to_string(event.get()) + " " + std::to_string(control.get())));
  return event;
}

Result<bool> CgroupTree::Remove(const std::string& box) const {
  bool empty = true;
  for (const CgroupHierarchy& h : hierarchies_) {
    for (const CgroupPart part : kParts) {
      const std::string dir = Path(h, box, part);
      if (rmdir(dir.c_str()) == 0 || errno == ENOENT) continue;
      // A parent is busy (v1) or not empty (v2) while a child of it is.
      if (errno != EBUSY && errno != ENOTEMPTY) {
        return Error::FromErrno("cannot remove the cgroup " + dir);
      }
      empty = false;
    }
  }
  return empty;
}

Result<std::vector<std::string>> CgroupTree::List() const {
  std::vector<std::string> boxes;
  for (const CgroupHierarchy& h : hierarchies_) {
    const std::string dir = h.mount + "/" + parent_;
    DIR* list = opendir(dir.c_str());
    if (list == nullptr) return Error::FromErrno("cannot list the cgroup " + dir);
    while (const dirent* entry = readdir(list)) {
      if (entry->d_type == DT_DIR && entry->d_name[0] != '.') boxes.emplace_back(entry->d_name);
    }
    closedir(list);
  }
  std::sort(boxes.begin(), boxes.end());
  boxes.erase(std::unique(boxes.begin(), boxes.end()), boxes.end());
  return boxes;
}

Result<void> CgroupTree::RemoveParent() const {
  for (const CgroupHierarchy& h : hierarchies_) {
    const std::string dir = h.mount + "/" + parent_;
    if (rmdir(dir.c_str()) != 0) return Error::FromErrno("cannot remove the cgroup " + dir);
  }
  return Ok();
}

}  // namespace cove::sys
