// Identities, files with privilege, attributes and cgroups.
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "attempt.h"

namespace cove::escape {
namespace {

Outcome Ids() {
  Tries t;
  for (const uid_t id : {65536u, 61800u + 65536u, 1000000000u, 4294967294u}) {
    t.Fails("setuid", setresuid(id, id, id));
    t.Fails("setgid", setresgid(id, id, id));
    const std::string path = "/tmp/escape-owned-" + std::to_string(geteuid());
    close(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    t.Fails("chown", chown(path.c_str(), id, id));
    unlink(path.c_str());
  }
  return t.End();
}

// Root inside has no capability over anything of the host's: what it may do, it may do here only.
Outcome Capabilities() {
  Tries t;
  const std::string status = ReadText("/proc/self/status");
  const bool bare = status.find("CapEff:\t0000000000000000") != std::string::npos;
  if (IsRoot() && Given("PROFILE") == "strict") {
    t.Holds("seven capabilities over files and processes of its own",
            status.find("CapEff:\t00000000000000fb") != std::string::npos &&
                status.find("CapBnd:\t00000000000000fb") != std::string::npos);
  } else {
    t.Holds("a plain user has none", bare || IsRoot());
  }
  t.Fails("nice below zero", setpriority(PRIO_PROCESS, 0, -20));
  t.Fails("real time", syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, "\1\0\0\0"));
  t.Fails("a better nice value for all of a user", setpriority(PRIO_USER, 0, -20));
  return t.End();
}

Outcome SetuidFiles() {
  Tries t;
  const bool strict = Given("PROFILE") == "strict";
  const int rc = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
  t.Holds(strict ? "no_new_privs is set" : "sudo may work", strict ? rc == 1 : rc == 0);
  const pid_t pid = fork();
  if (pid == 0) {
    close(1);
    close(2);
    execlp("sudo", "sudo", "-n", "true", nullptr);
    _exit(127);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  const bool worked = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (strict) t.Holds("sudo gives nothing", IsRoot() || !worked);
  return t.End();
}

// A capability on a file counts for the sandbox's users only.
Outcome FileCapabilities() {
  Tries t;
  const std::string path = "/tmp/escape-caps-" + std::to_string(geteuid());
  close(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0755));
  vfs_cap_data caps{};
  caps.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE;
  caps.data[0].permitted = ~0u;
  const long rc = setxattr(path.c_str(), "security.capability", &caps, XATTR_CAPS_SZ_2, 0);
  if (IsRoot() && Given("PROFILE") == "default") {
    // The kernel stores it as version 3: bound to the uid that is root here.
    t.Works("own file capabilities", rc);
  } else {
    t.Fails("file capabilities", rc);
  }
  unlink(path.c_str());
  return t.End();
}

// What steers the overlay from outside may not be written from inside.
Outcome OverlayAttributes() {
  Tries t;
  const std::string path = "/tmp/escape-overlay-" + std::to_string(geteuid());
  mkdir(path.c_str(), 0755);
  for (const char* name : {"trusted.overlay.redirect", "trusted.overlay.opaque",
                           "trusted.overlay.metacopy", "security.ima"}) {
    t.Fails(name, setxattr(path.c_str(), name, "/../../../root", 14, 0));
  }
  // The kernel keeps these apart from its own (escaped), or refuses them.
  (void)setxattr(path.c_str(), "user.overlay.redirect", "/../../../root", 14, 0);
  (void)setxattr(path.c_str(), "user.overlay.opaque", "y", 1, 0);
  t.Holds("nothing of the host's shows below",
          access((path + "/" + Given("HOST_MARKER")).c_str(), F_OK) != 0);
  rmdir(path.c_str());
  return t.End();
}

Outcome DotDot() {
  Tries t;
  std::string path = "/";
  for (int i = 0; i < 200; ++i) path += "../";
  t.CannotOpen(path + "root/" + Given("HOST_MARKER"), O_RDONLY);
  t.CannotOpen(Given("HOST_DATA") + "/front/admin.key", O_RDONLY);
  t.CannotOpen(Given("HOST_DATA"), O_RDONLY);
  for (const char* link : {"/proc/self/root", "/proc/self/cwd", "/proc/thread-self/root"}) {
    t.CannotOpen(std::string(link) + path + "root/" + Given("HOST_MARKER"), O_RDONLY);
  }
  return t.End();
}

constexpr Attempt kIdentity[] = {
    {"identity.foreign_ids", "EINVAL: ids of the toolbox and the host do not exist", Ids},
    {"identity.capabilities", "none over the machine", Capabilities},
    {"identity.setuid", "default: root inside; strict: nothing gained", SetuidFiles},
    {"identity.file_capabilities", "default: of the sandbox only; strict: refused",
     FileCapabilities},
};
constexpr Attempt kFiles[] = {
    {"files.overlay_attributes", "refused, or without meaning", OverlayAttributes},
    {"files.dot_dot", "ends at the sandbox's root", DotDot},
};

// A hierarchy that a nested namespace mounts shows our own groups, which belong to the host's root.
Outcome MountHierarchies() {
  Tries t;
  if (!EnterNested(CLONE_NEWNS | CLONE_NEWCGROUP)) {
    t.Holds("no namespaces at all", Given("PROFILE") == "strict");
    return t.End();
  }
  for (const char* options : {"memory", "pids", "cpu,cpuacct", "freezer", "devices", ""}) {
    const bool two = *options == '\0';
    if (mount("x", "/mnt", two ? "cgroup2" : "cgroup", 0, two ? nullptr : options) != 0) {
      t.Holds(std::string("mount ") + options + " fails", true);
      continue;
    }
    for (const char* file : {"release_agent", "notify_on_release", "cgroup.procs", "tasks",
                             "memory.limit_in_bytes", "memory.max", "pids.max", "freezer.state",
                             "cpu.cfs_quota_us", "devices.allow", "cgroup.subtree_control"}) {
      t.CannotWrite(std::string("/mnt/") + file, "0");
    }
    t.Fails("a group of our own", mkdir("/mnt/escape", 0755));
    umount2("/mnt", MNT_DETACH);
  }
  return t.End();
}

Outcome NoHierarchy() {
  Tries t;
  t.CannotOpen("/sys/fs/cgroup", O_RDONLY);
  t.CannotOpen("/sys/fs/cgroup/cgroup.procs", O_RDWR);
  const std::string own = ReadText("/proc/self/cgroup");
  t.Holds("its path starts at its own group",
          own.find("/cove") == std::string::npos || own.find("/../") != std::string::npos);
  t.Holds("the sandbox's id is not the way to it",
          own.find(Given("COVE_SANDBOX_ID")) == std::string::npos);
  return t.End();
}

constexpr Attempt kCgroups[] = {
    {"cgroup.mount", "nothing of a mounted hierarchy can be written", MountHierarchies},
    {"cgroup.visible", "no hierarchy is mounted, no path is shown", NoHierarchy},
};

}  // namespace

std::span<const Attempt> IdentityAttempts() { return kIdentity; }
std::span<const Attempt> FileAttempts() { return kFiles; }
std::span<const Attempt> CgroupAttempts() { return kCgroups; }

}  // namespace cove::escape
