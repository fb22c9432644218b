#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "runner/disk.h"
#include "runner/doctor.h"
#include "runner/idmap_check.h"
#include "runner/self_report.h"
#include "sys/cgroup.h"
#include "sys/small_file.h"

namespace cove::runner {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kFilesWanted = 20'000;

std::string Mib(uint64_t bytes) { return std::to_string(bytes / kMiB) + " MiB"; }

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

// The directory itself, or the nearest above it that is there.
std::string Nearest(std::string path) {
  while (path.size() > 1 && !Exists(path)) {
    path.resize(std::max<size_t>(path.rfind('/'), 1));
  }
  return path;
}

Finding Privilege() {
  if (geteuid() == 0) return {"privilege", Health::kGood, "root", ""};
  return {"privilege", Health::kBad, "uid " + std::to_string(geteuid()), "run it as root"};
}

// Overlayfs over idmapped layers came with 5.19, what else is needed before 6.1.
Finding Kernel() {
  utsname name{};
  uname(&name);
  const auto parts = Split(name.release, '.');
  const int major = ParseInt<int>(parts[0]).value_or(0);
  const int minor = parts.size() > 1 ? ParseInt<int>(parts[1]).value_or(0) : 0;
  const bool enough = major > 6 || (major == 6 && minor >= 1);
  return {"kernel", enough ? Health::kGood : Health::kBad, name.release,
          enough ? "" : "use Linux 6.1 or newer"};
}

Finding UserNamespaces() {
  const auto text = sys::ReadFile("/proc/sys/user/max_user_namespaces");
  const auto most = text ? ParseInt<uint64_t>(Trim(*text)).value_or(0) : 0;
  if (most > 1) return {"user namespaces", Health::kGood, "up to " + std::to_string(most), ""};
  return {"user namespaces", Health::kBad, "none are allowed",
          "sysctl user.max_user_namespaces=100000"};
}

Finding FileSystem(const std::string& type, const std::string& use) {
  const auto text = sys::ReadFile("/proc/filesystems");
  const bool there = text && text->find("\t" + type + "\n") != std::string::npos;
  if (there) return {type, Health::kGood, "in the kernel; " + use, ""};
  return {type, Health::kBad, "not in the kernel", "modprobe " + type + ", or use another kernel"};
}

Finding Idmap(const std::string& data) {
  const std::string at = Nearest(data);
  if (geteuid() != 0) {
    return {"idmapped mounts", Health::kReduced, "not looked at without root", "run it as root"};
  }
  if (auto mapped = CheckIdmap(at); !mapped) {
    return {"idmapped mounts", Health::kBad, mapped.error().message(), "choose another --data"};
  }
  return {"idmapped mounts", Health::kGood, "on the file system of " + at, ""};
}

std::vector<Finding> Cgroups() {
  auto found = sys::FindCgroups();
  if (!found) return {{"cgroups", Health::kBad, found.error().message(), "mount /sys/fs/cgroup"}};
  const auto is_v2 = [](const sys::CgroupHierarchy& h) { return h.v2; };
  const bool all = std::all_of(found->begin(), found->end(), is_v2);
  const bool any = std::any_of(found->begin(), found->end(), is_v2);
  std::vector<Finding> out;
  out.push_back({"cgroups", Health::kGood,
                 all ? "version 2" : (any ? "hybrid, versions 1 and 2" : "version 1"), ""});
  for (const char* name : {"cpu", "memory", "pids", "freezer", "io"}) {
    const auto it = std::find_if(found->begin(), found->end(),
                                 [&](const sys::CgroupHierarchy& h) { return h.Has(name); });
    const std::string what = std::string("cgroup ") + name;
    if (it != found->end()) {
      out.push_back({what, Health::kGood, "at " + it->mount, ""});
    } else if (std::string_view(name) == "io") {
      out.push_back({what, Health::kReduced, "none that works: io weights have no effect",
                     "use cgroup version 2 with io, or the scheduler bfq on the disk"});
    } else {
      out.push_back({what, Health::kBad, "missing",
                     "mount /sys/fs/cgroup writable, with the controller " + std::string(name)});
    }
  }
  return out;
}

Finding DiskScheme(const std::string& data) {
  const std::string why =
      "btrfs image (a subvolume with a quota per sandbox, which works on any data disk)";
  const std::string image = data + "/runner/disk.img";
  struct stat st{};
  struct statvfs space{};
  const std::string at = Nearest(data);
  if (statvfs(at.c_str(), &space) != 0) {
    return {"disk limits", Health::kBad, "cannot look at " + at, "choose another --data"};
  }
  const uint64_t bytes = uint64_t{space.f_blocks} * space.f_frsize;
  const uint64_t free = uint64_t{space.f_bavail} * space.f_frsize;
  const std::string room = std::to_string(free / kMiB) + " MiB free, " +
                           std::to_string(DiskReserve(bytes) / kMiB) + " MiB in reserve";
  if (stat(image.c_str(), &st) == 0) {
    return {"disk limits", free < DiskReserve(bytes) ? Health::kReduced : Health::kGood,
            why + "; " + image + ", " + std::to_string(static_cast<uint64_t>(st.st_size) / kMiB) +
                " MiB; " + room,
            free < DiskReserve(bytes) ? "creates are refused: delete sandboxes or snapshots" : ""};
  }
  if (auto size = ImageSize(bytes, free); !size) {
    return {"disk limits", Health::kBad, size.error().message(), "free some, or another --data"};
  }
  return {"disk limits", Health::kGood, why + "; will be made; " + room, ""};
}

Finding Tool(const std::string& name, const std::string& package, const std::string& use) {
  for (const char* dir : {"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"}) {
    if (Exists(dir + name)) return {name, Health::kGood, dir + name + "; " + use, ""};
  }
  return {name, Health::kBad, "missing; " + use, "install " + package};
}

Finding LoopDevices() {
  if (Exists("/dev/loop-control")) {
    return {"loop devices", Health::kGood, "/dev/loop-control", ""};
  }
  return {"loop devices", Health::kBad, "/dev/loop-control is missing",
          "modprobe loop, and let a container see the host's /dev"};
}

Finding Swap() {
  const auto text = sys::ReadFile("/proc/swaps");
  const bool swap = text && std::count(text->begin(), text->end(), '\n') > 1;
  if (swap) {
    return {"swap", Health::kGood, "a paused sandbox gives all its memory back", ""};
  }
  return {"swap", Health::kReduced, "none: a paused sandbox gives only its file cache back",
          "add swap or zram to pause more sandboxes"};
}

Finding Nftables() {
  const UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (fd) return {"nftables", Health::kGood, "in the kernel", ""};
  return {"nftables", Health::kBad, "not in the kernel", "modprobe nf_tables"};
}

Finding Seccomp() {
  const auto text = sys::ReadFile("/proc/sys/kernel/seccomp/actions_avail");
  if (text && text->find("errno") != std::string::npos) {
    return {"seccomp", Health::kGood, "filters", ""};
  }
  return {"seccomp", Health::kBad, "no filters", "use a kernel with CONFIG_SECCOMP_FILTER"};
}

Finding Files() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const std::string found = std::to_string(limit.rlim_max) + " open files";
  if (limit.rlim_max >= kFilesWanted) return {"open files", Health::kGood, found, ""};
  return {"open files", Health::kReduced, found + ", 12 for each sandbox",
          "raise it for more sandboxes (LimitNOFILE= of the service)"};
}

// With no answer from one: none runs, or it cannot answer.
Finding Server(const std::string& data) {
  const std::string lock = data + "/runner/lock";
  const UniqueFd fd(open(lock.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return {"server", Health::kGood, "none has run on " + data, ""};
  if (flock(fd.get(), LOCK_SH | LOCK_NB) == 0) {
    return {"server", Health::kGood, "none runs on " + data, ""};
  }
  return {"server", Health::kReduced, "one runs on " + data + " and does not answer",
          "look whether it has just started, or is stopped (SIGSTOP, a debugger)"};
}

// What others found stands in place of what has its name here.
void Replace(std::vector<Finding>& all, std::vector<Finding> by) {
  for (Finding& one : by) {
    const auto it = std::find_if(all.begin(), all.end(),
                                 [&one](const Finding& f) { return f.what == one.what; });
    if (it == all.end()) {
      all.push_back(std::move(one));
    } else {
      *it = std::move(one);
    }
  }
}

}  // namespace

std::vector<Finding> Examine(const std::string& data) {
  std::vector<Finding> out = {Privilege(), Kernel(), UserNamespaces(), Idmap(data),
                              FileSystem("overlay", "sandboxes' root file systems")};
  for (Finding& finding : Cgroups()) out.push_back(std::move(finding));
  out.push_back(DiskScheme(data));
  out.push_back(FileSystem("btrfs", "disk limits"));
  out.push_back(Tool("mkfs.btrfs", "btrfs-progs", "makes the image of the disk limits"));
  out.push_back(LoopDevices());
  out.push_back(Swap());
  out.push_back(Nftables());
  out.push_back(Seccomp());
  out.push_back(Files());
  out.push_back(Server(data));
  if (auto said = AskServer(data + "/runner")) Replace(out, *std::move(said));
  return out;
}

std::vector<Finding> ExamineSelf(const std::string& data, const DiskFacts& disk,
                                 const proto::Room& room, size_t boxes) {
  std::vector<Finding> out = Cgroups();
  const bool tight = disk.host_available_bytes < disk.host_reserve_bytes;
  out.push_back({"disk limits", tight ? Health::kReduced : Health::kGood,
                 disk.scheme + " " + data + "/runner/disk.img, " + Mib(disk.available_bytes) +
                     " of " + Mib(disk.bytes) + " free; behind it " +
                     Mib(disk.host_available_bytes) + " free, " + Mib(disk.host_reserve_bytes) +
                     " in reserve",
                 tight ? "creates are refused: delete sandboxes or snapshots" : ""});
  out.push_back(
      {"open files", room.files_max >= kFilesWanted ? Health::kGood : Health::kReduced,
       std::to_string(room.files_max) + " for the server, enough for " +
           std::to_string(room.boxes_by_files) + " sandboxes",
       room.files_max >= kFilesWanted ? "" : "raise it for more (LimitNOFILE= of the service)"});
  const auto more = proto::CheckRoom(room, boxes, proto::For::kNewBox);
  out.push_back({"room", more ? Health::kGood : Health::kReduced,
                 more ? "for another sandbox" : more.error().message(),
                 more ? "" : "until then creates are refused"});
  out.push_back({"server", Health::kGood,
                 "one runs on " + data + ", pid " + std::to_string(getpid()) + ", version " +
                     COVE_VERSION + ", sandboxes: " + std::to_string(boxes) +
                     "; it told its cgroups, disk, files and room",
                 ""});
  return out;
}

}  // namespace cove::runner
