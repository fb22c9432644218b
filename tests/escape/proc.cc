// /proc, /sys and /dev: nothing of the machine is written, nothing of PID 1 is read.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <set>

#include "attempt.h"

namespace cove::escape {
namespace {

Outcome WriteKernel() {
  Tries t;
  for (const char* name :
       {"kernel/core_pattern", "kernel/modprobe", "kernel/panic", "kernel/sysrq",
        "kernel/randomize_va_space", "kernel/hostname", "kernel/domainname", "kernel/ns_last_pid",
        "kernel/pid_max", "kernel/unprivileged_bpf_disabled", "kernel/yama/ptrace_scope",
        "kernel/kptr_restrict", "kernel/pty/max"}) {
    t.CannotWrite(std::string("/proc/sys/") + name, "1");
  }
  return t.End();
}

Outcome WriteVmFs() {
  Tries t;
  for (const char* name :
       {"vm/overcommit_memory", "vm/drop_caches", "vm/panic_on_oom", "vm/mmap_min_addr",
        "fs/protected_symlinks", "fs/suid_dumpable", "fs/file-max", "fs/inotify/max_user_instances",
        "fs/pipe-max-size", "debug/exception-trace"}) {
    t.CannotWrite(std::string("/proc/sys/") + name, "1");
  }
  t.CannotWrite("/proc/sys/fs/binfmt_misc/register", ":x:M::MZ::/bin/sh:");
  return t.End();
}

Outcome WriteNet() {
  Tries t;
  for (const char* name :
       {"ipv4/ip_forward", "ipv4/ip_unprivileged_port_start", "ipv4/conf/all/route_localnet",
        "ipv4/conf/lo/rp_filter", "ipv4/ping_group_range", "ipv6/conf/all/forwarding",
        "netfilter/nf_conntrack_max", "core/somaxconn"}) {
    t.CannotWrite(std::string("/proc/sys/net/") + name, "1");
  }
  return t.End();
}

Outcome Triggers() {
  Tries t;
  // Covered by /dev/null in the strict profile.
  if (Given("PROFILE") != "strict") t.CannotWrite("/proc/sysrq-trigger", "h");
  t.CannotWrite("/proc/irq/default_smp_affinity", "1");
  t.CannotWrite("/proc/mtrr", "disable=0");
  t.CannotWrite("/proc/acpi/wakeup", "x");
  t.CannotWrite("/proc/scsi/scsi", "scsi add-single-device 0 0 0 0");
  return t.End();
}

Outcome KernelMemory() {
  Tries t;
  for (const char* name :
       {"/proc/kcore", "/proc/kpagecount", "/proc/kpageflags", "/proc/vmallocinfo",
        "/proc/slabinfo", "/proc/timer_list", "/proc/kpagecgroup"}) {
    t.Holds(std::string(name) + " gives nothing", ReadText(name).empty());
  }
  t.CannotOpen("/dev/mem", O_RDONLY);
  t.CannotOpen("/dev/kmem", O_RDONLY);
  return t.End();
}

// Names of kernel symbols may be there; where they are is not said.
Outcome KernelAddresses() {
  Tries t;
  const int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
  char text[32] = {};
  const bool any = fd >= 0 && read(fd, text, 16) == 16;
  t.Holds("no address in kallsyms", !any || std::string(text, 16) == "0000000000000000");
  t.Holds("no address in modules", ReadText("/proc/modules").find("0xff") == std::string::npos);
  t.Holds("no keys of the host", ReadText("/proc/keys").find("keyring") == std::string::npos ||
                                     ReadText("/proc/keys").find(" 0 65534 ") == std::string::npos);
  return t.End();
}

Outcome ReadPidOne() {
  Tries t;
  for (const char* name :
       {"mem", "environ", "maps", "smaps", "auxv", "stack", "syscall", "io", "personality",
        "pagemap", "map_files", "exe", "fd", "fdinfo", "root/etc", "cwd/etc"}) {
    const std::string text = ReadText(std::string("/proc/1/") + name);
    t.Holds(std::string("/proc/1/") + name, text.empty());
  }
  char link[64];
  t.Fails("readlink of its exe", readlink("/proc/1/exe", link, sizeof link));
  t.Fails("readlink of its descriptor", readlink("/proc/1/fd/3", link, sizeof link));
  return t.End();
}

Outcome WritePidOne() {
  Tries t;
  for (const char* name :
       {"mem", "oom_score_adj", "uid_map", "gid_map", "setgroups", "comm", "clear_refs",
        "coredump_filter", "autogroup", "timens_offsets", "exe", "loginuid"}) {
    t.CannotWrite(std::string("/proc/1/") + name, "1");
  }
  return t.End();
}

Outcome OwnMaps() {
  Tries t;
  t.CannotWrite("/proc/self/uid_map", "0 0 4294967295");
  t.CannotWrite("/proc/self/gid_map", "0 0 4294967295");
  t.CannotWrite("/proc/self/oom_score_adj", "-1000");
  return t.End();
}

Outcome Sys() {
  Tries t;
  DIR* dir = opendir("/sys");
  int entries = -2;  // "." and ".."
  while (dir != nullptr && readdir(dir) != nullptr) ++entries;
  t.Holds("/sys is empty", dir != nullptr && entries == 0);
  t.Fails("a file in /sys", open("/sys/x", O_CREAT | O_WRONLY, 0600));
  t.CannotOpen("/sys/kernel/uevent_helper", O_WRONLY);
  t.CannotOpen("/sys/fs/cgroup/release_agent", O_WRONLY);
  return t.End();
}

Outcome Dev() {
  Tries t;
  const std::set<std::string> known = {".",      "..",      "null",   "zero", "full",
                                       "random", "urandom", "tty",    "ptmx", "fd",
                                       "stdin",  "stdout",  "stderr", "pts",  "shm"};
  DIR* dir = opendir("/dev");
  while (const dirent* entry = dir == nullptr ? nullptr : readdir(dir)) {
    t.Holds(std::string("/dev/") + entry->d_name, known.contains(entry->d_name));
  }
  struct statfs info{};
  t.Works("statfs /dev", statfs("/dev", &info));
  t.Holds("/dev is a tmpfs", info.f_type == 0x01021994);
  t.Works("/dev/null", open("/dev/null", O_RDWR | O_CLOEXEC));
  t.Fails("chmod of the host's node", chmod("/dev/null", 0600));
  t.Fails("chown of the host's node", chown("/dev/null", 1000, 1000));
  return t.End();
}

Outcome Processes() {
  Tries t;
  DIR* dir = opendir("/proc");
  int count = 0;
  while (const dirent* entry = dir == nullptr ? nullptr : readdir(dir)) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    ++count;
    const std::string line = ReadText(std::string("/proc/") + entry->d_name + "/cmdline");
    t.Holds("not a process of the host",
            line.find("serve") == std::string::npos && line.find("node") == std::string::npos);
  }
  t.Holds("few processes", count > 1 && count < 64);
  return t.End();
}

constexpr Attempt kAttempts[] = {
    {"proc.write_kernel", "every write fails", WriteKernel},
    {"proc.write_vm_fs", "every write fails", WriteVmFs},
    {"proc.write_net", "every write fails", WriteNet},
    {"proc.triggers", "every write fails (strict: what is covered takes nothing)", Triggers},
    {"proc.kernel_memory", "nothing can be read", KernelMemory},
    {"proc.kernel_addresses", "zeros", KernelAddresses},
    {"proc.read_pid1", "nothing can be read", ReadPidOne},
    {"proc.write_pid1", "every write fails", WritePidOne},
    {"proc.own_maps", "cannot be written again", OwnMaps},
    {"proc.sys", "/sys is empty and read-only", Sys},
    {"proc.dev", "the usual devices and no other; their nodes cannot be changed", Dev},
    {"proc.processes", "only the sandbox's own", Processes},
};

}  // namespace

std::span<const Attempt> ProcAttempts() { return kAttempts; }

}  // namespace cove::escape
