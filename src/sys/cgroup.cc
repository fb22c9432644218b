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
constexpr std::array<std::string_view, 5> kUsed = {"cpu", "memory", "pids", "freezer", "io"};
constexpr std::array kParts = {CgroupPart::kWork, CgroupPart::kToolbox, CgroupPart::kBoth};

// Not there: none.
Result<std::vector<pid_t>> NumbersIn(const std::string& path) {
  std::vector<pid_t> out;
  auto text = ReadFile(path);
  if (!text && text.error().code() == Code::kNotFound) return out;
  if (!text) return std::move(text).error();
  for (const std::string_view line : Split(*text, '\n')) {
    if (const auto number = ParseInt<pid_t>(line); number && *number > 0) out.push_back(*number);
  }
  return out;
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
      for (std::string_view name : kUsed) {
        // v1 calls it by another name.
        const std::string_view here = !v2 && name == "io" ? "blkio" : name;
        // Every v2 cgroup can be frozen; there is no controller of that name.
        const bool has = std::find(carried.begin(), carried.end(), here) != carried.end() ||
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

void DropIdleIo(std::vector<CgroupHierarchy>& hierarchies, bool bfq) {
  for (CgroupHierarchy& h : hierarchies) {
    if (!h.v2 && !bfq) std::erase(h.controllers, "io");
  }
  std::erase_if(hierarchies, [](const CgroupHierarchy& h) { return h.controllers.empty(); });
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

bool AnyDiskHasBfq() {
  DIR* dir = opendir("/sys/block");
  bool found = false;
  while (const dirent* entry = dir != nullptr && !found ? readdir(dir) : nullptr) {
    const auto text = ReadFile("/sys/block/" + std::string(entry->d_name) + "/queue/scheduler");
    found = text && text->find("[bfq]") != std::string::npos;
  }
  if (dir != nullptr) closedir(dir);
  return found;
}

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

Result<std::vector<CgroupHierarchy>> FindCgroups() {
  ASSIGN_OR_RETURN(const std::string mountinfo, ReadFile("/proc/self/mountinfo"));
  std::string v2;
  for (std::string_view line : Split(mountinfo, '\n')) {
    if (line.find(" - cgroup2 ") == std::string_view::npos) continue;
    const auto fields = Split(line, ' ');
    auto text = ReadFile(std::string(fields[4]) + "/cgroup.controllers");
    if (text) v2 = std::move(*text);
  }
  auto found = ParseCgroupMounts(mountinfo, v2);
  DropIdleIo(found, AnyDiskHasBfq());
  return found;
}

Result<CgroupTree> CgroupTree::Open(std::string parent) {
  CgroupTree tree;
  tree.parent_ = std::move(parent);
  ASSIGN_OR_RETURN(tree.hierarchies_, FindCgroups());
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

Result<std::vector<UniqueFd>> CgroupTree::OpenProcs(const std::string& box, CgroupPart part) const {
  std::vector<UniqueFd> fds;
  for (const CgroupHierarchy& h : hierarchies_) {
    ASSIGN_OR_RETURN(UniqueFd fd, sys::Open(Path(h, box, part) + "/cgroup.procs", O_WRONLY));
    fds.push_back(std::move(fd));
  }
  return fds;
}

Result<void> CgroupTree::Attach(const std::string& box, CgroupPart part, pid_t pid) const {
  const std::string text = std::to_string(pid);
  for (const CgroupHierarchy& h : hierarchies_) {
    RETURN_IF_ERROR(WriteFile(Path(h, box, part) + "/cgroup.procs", text));
  }
  return Ok();
}

Result<std::vector<pid_t>> CgroupTree::Processes(const std::string& box, CgroupPart part) const {
  return NumbersIn(Path(*Find("pids"), box, part) + "/cgroup.procs");
}

Result<std::vector<pid_t>> CgroupTree::Threads(const std::string& box, CgroupPart part) const {
  const CgroupHierarchy& h = *Find("pids");
  return NumbersIn(Path(h, box, part) + (h.v2 ? "/cgroup.threads" : "/tasks"));
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

Result<Reclaim> CgroupTree::OpenReclaim(const std::string& box) const {
  const CgroupHierarchy& h = *Find("memory");
  const std::string dir = Path(h, box, CgroupPart::kBoth);
  Reclaim out;
  ASSIGN_OR_RETURN(out.stat, sys::Open(dir + "/memory.stat", O_RDONLY));
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
  return WriteFileIfThere(dir + "/memory.swap.max", swap == Swap::kAllowed ? "max" : "0");
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

Result<std::vector<std::string>> CgroupTree::List(Names names) const {
  std::vector<std::string> boxes;
  for (const CgroupHierarchy& h : hierarchies_) {
    const std::string dir = h.mount + "/" + parent_;
    DIR* list = opendir(dir.c_str());
    if (list == nullptr) return Error::FromErrno("cannot list the cgroup " + dir);
    while (const dirent* entry = readdir(list)) {
      const std::string_view name = entry->d_name;
      if (entry->d_type != DT_DIR || name == "." || name == "..") continue;
      if (name.starts_with('.') == (names == Names::kDotted)) boxes.emplace_back(name);
    }
    closedir(list);
  }
  std::sort(boxes.begin(), boxes.end());
  boxes.erase(std::unique(boxes.begin(), boxes.end()), boxes.end());
  return boxes;
}

Result<void> CgroupTree::Rename(const std::string& from, const std::string& to) const {
  for (const CgroupHierarchy& h : hierarchies_) {
    const std::string dir = Path(h, from, CgroupPart::kBoth);
    if (rename(dir.c_str(), Path(h, to, CgroupPart::kBoth).c_str()) != 0) {
      return Error::FromErrno("cannot rename the cgroup " + dir);
    }
  }
  return Ok();
}

bool CgroupTree::CanRename() const {
  return std::none_of(hierarchies_.begin(), hierarchies_.end(), [](const auto& h) { return h.v2; });
}

Result<void> CgroupTree::RemoveParent() const {
  for (const CgroupHierarchy& h : hierarchies_) {
    const std::string dir = h.mount + "/" + parent_;
    if (rmdir(dir.c_str()) != 0) return Error::FromErrno("cannot remove the cgroup " + dir);
  }
  return Ok();
}

}  // namespace cove::sys
