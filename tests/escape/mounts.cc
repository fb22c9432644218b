// Mounts: what is mounted cannot be changed, what is new shows nothing of the host.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "attempt.h"

namespace cove::escape {
namespace {

Outcome Change() {
  Tries t;
  t.Fails("mount a tmpfs", mount("x", "/mnt", "tmpfs", 0, nullptr));
  t.Fails("bind /", mount("/", "/mnt", nullptr, MS_BIND, nullptr));
  t.Fails("remount /sys rw", mount(nullptr, "/sys", nullptr, MS_REMOUNT | MS_BIND, nullptr));
  t.Fails("remount / suid", mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND, nullptr));
  for (const char* place : {"/proc", "/dev/pts", "/dev", "/run", "/sys", "/run/cove-toolbox"}) {
    t.Fails(std::string("umount ") + place, umount2(place, MNT_DETACH));
  }
  t.Fails("share /", mount(nullptr, "/", nullptr, MS_SHARED | MS_REC, nullptr));
  t.Fails("pivot_root", syscall(SYS_pivot_root, "/", "/"));
  return t.End();
}

// Nothing mounted outside arrives here, and nothing from here goes out.
Outcome Propagation() {
  Tries t;
  const std::string mounts = ReadText("/proc/self/mountinfo");
  t.Holds("mountinfo can be read", !mounts.empty());
  t.Holds("no mount is shared", mounts.find(" shared:") == std::string::npos);
  t.Holds("no mount follows another", mounts.find(" master:") == std::string::npos);
  return t.End();
}

Outcome HostPaths() {
  Tries t;
  const std::string mounts = ReadText("/proc/self/mountinfo");
  const std::string data = Given("HOST_DATA");
  t.Holds("the image store is not named",
          mounts.find(data + "/runner/images") == std::string::npos);
  t.Holds("no block device is mounted", mounts.find("/dev/vd") == std::string::npos ||
                                            mounts.find(" /dev/") != std::string::npos);
  return t.End();
}

// File systems that read a disk or the machine may not be mounted, even as root of a nested one.
Outcome Types() {
  Tries t;
  (void)EnterNested(CLONE_NEWNS | CLONE_NEWNET);
  for (const char* type : {"ext4", "xfs", "btrfs", "squashfs", "erofs", "vfat", "devtmpfs",
                           "debugfs", "tracefs", "securityfs", "sysfs", "configfs", "pstore",
                           "efivarfs", "hugetlbfs", "rpc_pipefs", "nfs", "9p"}) {
    t.Fails(type, mount("/dev/vda", "/mnt", type, 0, nullptr));
    const long fs = syscall(SYS_fsopen, type, 0);
    if (fs < 0) continue;
    long made = syscall(SYS_fsconfig, fs, 6, nullptr, nullptr, 0);
    if (made >= 0) made = syscall(SYS_fsmount, fs, 0, 0);  // where the kernel looks what it shows
    t.Fails(std::string("fsmount ") + type, made);
    close(static_cast<int>(fs));
  }
  return t.End();
}

Outcome Devices() {
  Tries t;
  const dev_t disk = makedev(254, 0);
  const dev_t memory = makedev(1, 1);
  t.Fails("mknod of a disk", mknod("/tmp/escape-disk", S_IFBLK | 0666, disk));
  t.Fails("mknod of memory", mknod("/tmp/escape-memory", S_IFCHR | 0666, memory));
  t.Fails("mknod in /dev", mknod("/dev/escape", S_IFCHR | 0666, memory));
  if (EnterNested(CLONE_NEWNS)) {
    t.Works("a nested tmpfs", mount("x", "/mnt", "tmpfs", 0, nullptr));
    t.Fails("nested mknod of a disk", mknod("/mnt/disk", S_IFBLK | 0666, disk));
    t.Fails("nested mknod of memory", mknod("/mnt/memory", S_IFCHR | 0666, memory));
  }
  return t.End();
}

// A nested mount namespace may cover and uncover; ours stays as it was.
Outcome NestedStaysNested() {
  Tries t;
  const std::string before = ReadText("/proc/self/mountinfo");
  const pid_t pid = fork();
  if (pid == 0) {
    if (!EnterNested(CLONE_NEWNS)) _exit(0);
    (void)mount("x", "/mnt", "tmpfs", 0, nullptr);
    (void)mount(nullptr, "/", nullptr, MS_SHARED | MS_REC, nullptr);
    (void)mount("x", "/opt", "tmpfs", 0, nullptr);
    // What was mounted as one with the namespace may not be taken apart.
    _exit(umount2("/proc", 0) == 0 || umount2("/sys", 0) == 0 ? 1 : 0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  t.Holds("mounts stay locked together", WIFEXITED(status) && WEXITSTATUS(status) == 0);
  t.Holds("our own tree did not change", ReadText("/proc/self/mountinfo") == before);
  return t.End();
}

Outcome Roots() {
  Tries t;
  for (const char* path : {"/proc/1/root", "/proc/1/cwd"}) {
    t.Fails(std::string("chroot ") + path, chroot(path));
    t.Fails(std::string("chdir ") + path, chdir(path));
    t.Fails(std::string("open_tree ") + path, syscall(SYS_open_tree, AT_FDCWD, path, 1));
  }
  return t.End();
}

// Out of a chroot with a directory kept open: leads to our own root and no further.
Outcome ChrootTrick() {
  Tries t;
  struct stat root{};
  t.Works("stat /", stat("/", &root));
  const int kept = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (chroot("/tmp") == 0) t.Works("fchdir", fchdir(kept));
  for (int i = 0; i < 64; ++i) (void)!chdir("..");
  struct stat top{};
  t.Works("stat .", stat(".", &top));
  const bool same = top.st_ino == root.st_ino && top.st_dev == root.st_dev;
  t.Holds("the top is our own root", same || chroot(".") != 0);
  return t.End();
}

constexpr Attempt kAttempts[] = {
    {"mount.change", "EPERM for every mount, umount, remount, pivot_root", Change},
    {"mount.propagation", "all mounts are private", Propagation},
    {"mount.host_paths", "no path of the host's data is named", HostPaths},
    {"mount.types", "no file system of disks or of the machine, nested either", Types},
    {"mount.devices", "no device can be made, nested either", Devices},
    {"mount.nested", "stays in its own namespace; locked mounts stay", NestedStaysNested},
    {"mount.pid1_root", "not reachable", Roots},
    {"mount.chroot", "the way up ends at the sandbox's root", ChrootTrick},
};

}  // namespace

std::span<const Attempt> MountAttempts() { return kAttempts; }

}  // namespace cove::escape
