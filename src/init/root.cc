#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "init/child.h"
#include "sys/mount_calls.h"

namespace cove::init {
namespace {

constexpr unsigned kPlain = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
constexpr unsigned kInert = kPlain | MOUNT_ATTR_NOEXEC;

struct KeyValue {
  const char* key;
  const char* value;
};

// A detached mount of a file system that needs no source.
template <size_t N>
int NewMount(Child& child, const char* type, const KeyValue (&options)[N], unsigned attributes,
             BoxStep step) {
  const int fs = child.Need(sys::FsOpen(type), step);
  for (const KeyValue& option : options) {
    if (option.key != nullptr) child.Need(sys::FsConfig(fs, option.key, option.value), step);
  }
  child.Need(sys::FsCreate(fs), step);
  const int mount = child.Need(sys::FsMount(fs, attributes), step);
  close(fs);
  return mount;
}

// A directory of the image to mount on. The image is hostile: a symbolic link there would let it
// choose where we mount (crun CVE-2026-47766), so none is followed.
int EntryOf(Child& child, int root, const char* name) {
  if (mkdirat(root, name, 0755) != 0 && errno != EEXIST)
    child.Fail(BoxStep::kRootEntry, errno, name);
  const int fd = sys::OpenBeneath(root, name, O_PATH | O_DIRECTORY);
  if (fd < 0) child.Fail(BoxStep::kRootEntry, errno, name);
  return fd;
}

void Cover(Child& child, int root, const char* name, int mount, BoxStep step) {
  const int entry = EntryOf(child, root, name);
  child.Need(sys::AttachMount(mount, entry, ""), step);
  close(entry);
}

void LayerName(size_t index, char (&name)[8]) {
  char digits[8];
  size_t n = 0;
  do {
    digits[n++] = static_cast<char>('0' + index % 10);
    index /= 10;
  } while (index > 0);
  for (size_t i = 0; i < n; ++i) name[i] = digits[n - 1 - i];
  name[n] = '\0';
}

void AttachAt(Child& child, int staging, const char* name, int mount, BoxStep step) {
  child.Need(mkdirat(staging, name, 0700), step);
  child.Need(sys::AttachMount(mount, staging, name), step);
}

// The kernel explains a refused overlay in the context's log, one line a read.
[[noreturn]] void FailOverlay(Child& child, int fs) {
  const int error = errno;
  char text[200];
  const ssize_t n = read(fs, text, sizeof text - 1);
  text[n > 0 ? n : 0] = '\0';
  child.Fail(BoxStep::kOverlay, error, text);
}

// One tmpfs of the box holds all that needs no file system of its own: the places where the overlay
// is put together, /dev, /run, the empty /sys. Every removal of a memory cgroup walks the lists of
// every super block of the machine, so a box has as few as can be.
int NewScratch(Child& child, const ChildRoot& plan) {
  const KeyValue options[] = {
      {"mode", "0755"}, {"size", plan.order.scratch_size}, {"nr_inodes", plan.order.scratch_files}};
  const int scratch = NewMount(child, "tmpfs", options, kPlain, BoxStep::kScratch);
  for (const char* name : {"dev", "run", "none"}) {
    child.Need(mkdirat(scratch, name, 0755), BoxStep::kScratch);
  }
  return scratch;
}

// A detached mount of one directory of the scratch file system.
int PartOf(Child& child, int scratch, const char* name, unsigned attributes, BoxStep step) {
  const int part =
      child.Need(sys::OpenTree(scratch, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), step);
  if (attributes != 0) {
    mount_attr attr{};
    attr.attr_set = attributes;
    child.Need(sys::MountSetAttr(part, "", AT_EMPTY_PATH, &attr), step);
  }
  return part;
}

// Layers and upper must be attached somewhere: an overlay over detached idmapped mounts is refused
// (EPERM). /sys is a directory that every host has and nobody needs any more; it goes with the old
// root. (On top of "/" itself the staging would survive the change of root in the kernel's eyes,
// which then takes us for chrooted and refuses every new user namespace.)
int MountOverlay(Child& child, const ChildRoot& plan, int scratch) {
  child.Need(sys::AttachMount(scratch, AT_FDCWD, "/sys"), BoxStep::kStaging);
  for (size_t i = 0; i < plan.order.layers; ++i) {
    char name[8];
    LayerName(i, name);
    AttachAt(child, scratch, name, plan.layer(i), BoxStep::kLayers);
  }
  AttachAt(child, scratch, "b", plan.box(), BoxStep::kLayers);
  child.Need(fchdir(scratch), BoxStep::kStaging);

  const int fs = child.Need(sys::FsOpen("overlay"), BoxStep::kOverlay);
  const auto set = [&child, fs](const char* key, const char* value) {
    if (sys::FsConfig(fs, key, value) != 0) FailOverlay(child, fs);
  };
  if (plan.order.lowerdir[0] != '\0') {
    set("lowerdir", plan.order.lowerdir);
  } else {
    for (size_t i = plan.order.layers; i-- > 0;) {
      char name[8];
      LayerName(i, name);
      set("lowerdir+", name);  // kernel 6.8
    }
  }
  set("upperdir", "b/upper");
  set("workdir", "b/work");
  set("userxattr", nullptr);
  if (sys::FsCreate(fs) != 0) FailOverlay(child, fs);
  const int root = child.Need(sys::FsMount(fs, 0), BoxStep::kOverlay);
  close(fs);
  // The kernel mounts it read-only, with a word in its log, when there is no room for its work.
  struct statfs about{};
  child.Need(fstatfs(root, &about), BoxStep::kOverlay);
  if ((about.f_flags & ST_RDONLY) != 0) {
    child.Fail(BoxStep::kOverlay, ENOSPC, "there is no room for a directory of its own");
  }
  AttachAt(child, scratch, "r", root, BoxStep::kOverlay);
  return root;
}

struct Link {
  const char* name;
  const char* target;
};

void BuildDev(Child& child, int root, int scratch) {
  static constexpr const char* kDevices[][2] = {
      {"null", "/dev/null"},     {"zero", "/dev/zero"},       {"full", "/dev/full"},
      {"random", "/dev/random"}, {"urandom", "/dev/urandom"}, {"tty", "/dev/tty"}};
  static constexpr Link kLinks[] = {{"ptmx", "pts/ptmx"},
                                    {"fd", "/proc/self/fd"},
                                    {"stdin", "/proc/self/fd/0"},
                                    {"stdout", "/proc/self/fd/1"},
                                    {"stderr", "/proc/self/fd/2"}};
  const int dev = PartOf(child, scratch, "dev", 0, BoxStep::kDev);
  // Its content is made before the image can have a say in any path.
  for (const auto& [name, source] : kDevices) {
    const int file = openat(dev, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    child.Need(file, BoxStep::kDevices);
    close(file);
  }
  for (const Link& link : kLinks) child.Need(symlinkat(link.target, dev, link.name), BoxStep::kDev);
  child.Need(mkdirat(dev, "pts", 0755), BoxStep::kDevPts);
  child.Need(mkdirat(dev, "shm", 01777), BoxStep::kDev);
  Cover(child, root, "dev", dev, BoxStep::kDev);

  for (const auto& [name, source] : kDevices) {
    const int node = sys::OpenTree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    child.Need(node, BoxStep::kDevices);
    child.Need(sys::AttachMount(node, dev, name), BoxStep::kDevices);
    close(node);
  }
  // The machine has 4096 terminals for all: one box may not take them.
  const KeyValue pts_options[] = {
      {"mode", "0620"}, {"ptmxmode", "0666"}, {"gid", "5"}, {"max", "256"}};
  const int pts = NewMount(child, "devpts", pts_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                           BoxStep::kDevPts);
  child.Need(sys::AttachMount(pts, dev, "pts"), BoxStep::kDevPts);
  close(pts);
  close(dev);
}

// What tells of the machine, or would act on it, if the user namespaces failed. `proc` is ours and
// fresh, so its names are the kernel's; they are opened without following anything all the same.
// Nothing is covered in the other profile: a nested sandbox may then mount a /proc of its own.
void MaskProc(Child& child, int proc, int scratch) {
  static constexpr const char* kHidden[] = {
      "kcore",      "keys",     "key-users",  "kmsg",       "timer_list",
      "interrupts", "kallsyms", "kpagecount", "kpageflags", "vmallocinfo",
      "slabinfo",   "iomem",    "ioports",    "modules",    "sysrq-trigger"};
  static constexpr const char* kReadOnly[] = {"sys", "bus", "fs", "irq"};
  static constexpr const char* kEmpty[] = {"acpi", "asound", "scsi", "driver"};
  for (const char* name : kHidden) {
    const int place = sys::OpenBeneath(proc, name, O_PATH);
    if (place < 0) continue;  // this kernel has none
    const int null = sys::OpenTree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    child.Need(null, BoxStep::kProc);
    child.Need(sys::AttachMount(null, place, ""), BoxStep::kProc);
    close(null);
    close(place);
  }
  for (const char* name : kReadOnly) {
    const int place = sys::OpenBeneath(proc, name, O_PATH);
    if (place < 0) continue;
    const int copy = sys::OpenTree(place, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    child.Need(copy, BoxStep::kProc);
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    child.Need(sys::MountSetAttr(copy, "", AT_EMPTY_PATH, &attributes), BoxStep::kProc);
    child.Need(sys::AttachMount(copy, place, ""), BoxStep::kProc);
    close(copy);
    close(place);
  }
  for (const char* name : kEmpty) {
    const int place = sys::OpenBeneath(proc, name, O_PATH | O_DIRECTORY);
    if (place < 0) continue;
    const int none = PartOf(child, scratch, "none", kInert | MOUNT_ATTR_RDONLY, BoxStep::kProc);
    child.Need(sys::AttachMount(none, place, ""), BoxStep::kProc);
    close(none);
    close(place);
  }
}

// Ports below 1024 belong to nobody in a box: its root has no capability over the network
// namespace, and web servers want 80. Ours are taken before anything of the box runs.
void BuildProc(Child& child, int root, int scratch, bool strict) {
  const int proc = NewMount(child, "proc", {{nullptr, nullptr}}, kInert, BoxStep::kProc);
  const int fd = openat(proc, "sys/net/ipv4/ip_unprivileged_port_start", O_WRONLY | O_CLOEXEC);
  child.Need(fd, BoxStep::kSysctl);
  child.Need(write(fd, "0", 1), BoxStep::kSysctl);
  close(fd);
  Cover(child, root, "proc", proc, BoxStep::kProc);
  if (strict) MaskProc(child, proc, scratch);
  close(proc);
}

void BuildRun(Child& child, int root, int scratch, int state) {
  const int run = PartOf(child, scratch, "run", 0, BoxStep::kRun);
  child.Need(mkdirat(run, "cove-toolbox", 0700), BoxStep::kState);
  Cover(child, root, "run", run, BoxStep::kRun);
  child.Need(sys::AttachMount(state, run, "cove-toolbox"), BoxStep::kState);
  close(run);
}

void BuildSys(Child& child, int root, int scratch) {
  const int sys = PartOf(child, scratch, "none", kInert | MOUNT_ATTR_RDONLY, BoxStep::kSys);
  Cover(child, root, "sys", sys, BoxStep::kSys);
  close(sys);
}

void OpenTmp(Child& child, int root) {
  close(EntryOf(child, root, "tmp"));
  const int tmp = child.Need(sys::OpenBeneath(root, "tmp", O_RDONLY | O_DIRECTORY), BoxStep::kTmp);
  struct stat info{};
  child.Need(fstat(tmp, &info), BoxStep::kTmp);
  if ((info.st_mode & 07777) != 01777) child.Need(fchmod(tmp, 01777), BoxStep::kTmp);
  close(tmp);
}

// Where a share belongs, made as needed below `root`, which is hostile like the image: what a share
// before this one brought along is its owner's, too.
int ShareEntry(Child& child, int root, ShareOrder& order) {
  int at = child.Need(fcntl(root, F_DUPFD_CLOEXEC, 0), BoxStep::kShares);
  for (char* name = order.target;;) {
    char* end = name;
    while (*end != '/' && *end != '\0') ++end;
    const bool last = *end == '\0';
    *end = '\0';
    const bool directory = !last || order.directory;
    if (directory) {
      if (mkdirat(at, name, 0755) != 0 && errno != EEXIST) {
        child.Fail(BoxStep::kShares, errno, name);
      }
    } else {
      const int file = openat(at, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
      if (file < 0 && errno != EEXIST) child.Fail(BoxStep::kShares, errno, name);
      if (file >= 0) close(file);
    }
    const int next = sys::OpenBeneath(at, name, directory ? O_PATH | O_DIRECTORY : O_PATH);
    if (next < 0) child.Fail(BoxStep::kShares, errno, name);
    close(at);
    if (last) return next;
    at = next;
    name = end + 1;
  }
}

void AttachShares(Child& child, int root, size_t count) {
  static ShareOrder order;
  for (size_t i = 0; i < count; ++i) {
    int mount = -1;
    const auto packet = child.Receive(&order, sizeof order, &mount, 1);
    if (packet.size != sizeof order || packet.fds != 1) child.Fail(BoxStep::kOrder, EPROTO);
    const int entry = ShareEntry(child, root, order);
    child.Need(sys::AttachMount(mount, entry, ""), BoxStep::kShares);
    close(entry);
    close(mount);
  }
}

void EnterRoot(Child& child, int root) {
  child.Need(fchdir(root), BoxStep::kPivot);
  // The old root ends up on top of the new one, from where it is detached with all below it.
  child.Need(sys::PivotRoot(".", "."), BoxStep::kPivot);
  child.Need(syscall(SYS_umount2, ".", sys::kMntDetach), BoxStep::kPivot);
  child.Need(chdir("/"), BoxStep::kPivot);
}

}  // namespace

void BuildRoot(Child& child, const ChildRoot& plan) {
  const int scratch = NewScratch(child, plan);
  const int root = MountOverlay(child, plan, scratch);
  child.EndPhase(kPhaseOverlay);
  BuildDev(child, root, scratch);
  BuildProc(child, root, scratch, plan.order.strict);
  BuildSys(child, root, scratch);
  BuildRun(child, root, scratch, plan.state());
  OpenTmp(child, root);
  AttachShares(child, root, plan.order.shares);
  child.EndPhase(kPhaseRoot);
  EnterRoot(child, root);
  close(root);
  close(scratch);
  child.EndPhase(kPhasePivot);
}

}  // namespace cove::init
