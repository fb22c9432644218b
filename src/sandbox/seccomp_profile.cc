#include "sandbox/seccomp_profile.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "sandbox/strict_calls.h"
#include "sys/allow_calls.h"
#include "sys/small_file.h"

namespace cove::sandbox {
namespace {

using proto::Profile;

// Calls that may be younger than libseccomp, which does not know their names then. From 424 on a
// call has one number on all architectures.
struct YoungCall {
  std::string_view name;
  int number;
};
constexpr YoungCall kYoung[] = {{"process_madvise", 440},
                                {"mount_setattr", 442},
                                {"quotactl_fd", 443},
                                {"fchmodat2", 452},
                                {"setxattrat", 463}};

// What the default profile knows: every call up to Linux 6.17 (file_setattr), and uprobe of 6.18,
// which a traced program makes without knowing. Whoever raises the last number looks first at what
// the calls below it may do that this file denies.
constexpr int kOldLast = 336;
constexpr int kCommonFirst = 424;
constexpr int kCommonLast = 469;

constexpr const char* kDenied[] = {
    // a second way into the kernel that no filter sees
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    // programs and probes in the kernel
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "lookup_dcookie",
    // keyrings are not namespaced
    "keyctl",
    "add_key",
    "request_key",
    // other kernels, modules
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "create_module",
    "query_module",
    "get_kernel_syms",
    // files by handle go around every mount
    "open_by_handle_at",
    // the machine's own state
    "swapon",
    "swapoff",
    "reboot",
    "acct",
    "syslog",
    "settimeofday",
    "stime",
    "clock_settime",
    "clock_settime64",
    "adjtimex",
    "clock_adjtime",
    "clock_adjtime64",
    "quotactl",
    "quotactl_fd",
    "iopl",
    "ioperm",
    "vhangup",
    "nfsservctl",
    // obsolete, and never audited again
    "uselib",
    "ustat",
    "sysfs",
    "_sysctl",
    "vm86",
    "vm86old",
};

// Besides, in the strict profile: answered with EPERM, where what the allowlist leaves out answers
// ENOSYS. Programs say "not permitted" then, which is what an operator looks for.
constexpr const char* kDeniedStrict[] = {
    // namespaces and the tree of mounts
    "unshare",
    "setns",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    // looking into other processes
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_getfd",
    "kcmp",
    "process_madvise",
    // the machine
    "sethostname",
    "setdomainname",
    "name_to_handle_at",
    "fanotify_init",
    "move_pages",
    "migrate_pages",
    "modify_ldt",
};

constexpr uint32_t kSocketDenied = SCMP_ACT_ERRNO(EAFNOSUPPORT);
constexpr uint32_t kDeny = SCMP_ACT_ERRNO(EPERM);
constexpr uint64_t kIpProtocolMax = 255;
constexpr uint32_t kNoProtocol = SCMP_ACT_ERRNO(EPROTONOSUPPORT);
// The kernel looks at 32 bits of these arguments, so must the filter.
constexpr uint64_t kLow32 = 0xffffffff;
constexpr uint64_t kTypeMask = 0xf;  // SOCK_TYPE_MASK: without SOCK_NONBLOCK and SOCK_CLOEXEC

using Context = std::unique_ptr<void, void (*)(void*)>;
using Match = scmp_arg_cmp;

Match Equal(unsigned argument, uint64_t value) { return {argument, SCMP_CMP_EQ, value, 0}; }
Match Above(unsigned argument, uint64_t value) { return {argument, SCMP_CMP_GT, value, 0}; }
Match Masked(unsigned argument, uint64_t mask, uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

int Add(void* ctx, uint32_t action, int call, std::initializer_list<Match> matches) {
  return seccomp_rule_add_array(ctx, action, call, static_cast<unsigned>(matches.size()),
                                matches.begin());
}

int DenySockets(void* ctx) {
  const int call = SCMP_SYS(socket);
  int rc = 0;
  // Left are unix (1), inet (2), inet6 (10) and netlink (16). A value with bits above the low 32
  // is greater than all of them.
  for (uint64_t family = 3; family < AF_NETLINK && rc == 0; ++family) {
    if (family != AF_INET6) rc = Add(ctx, kSocketDenied, call, {Equal(0, family)});
  }
  if (rc == 0) rc = Add(ctx, kSocketDenied, call, {Above(0, AF_NETLINK)});
  for (const uint64_t family : {uint64_t{AF_INET}, uint64_t{AF_INET6}}) {
    if (rc != 0) break;
    rc = Add(ctx, kDeny, call, {Equal(0, family), Masked(1, kTypeMask, SOCK_RAW)});
    // Beyond the protocols of IP itself: SMC and multipath TCP. What their connections hold the
    // kernel neither counts nor tells (decision 0018). Who asks for one takes TCP without it.
    if (rc == 0) rc = Add(ctx, kNoProtocol, call, {Equal(0, family), Above(2, kIpProtocolMax)});
  }
  if (rc != 0) return rc;
  return Add(ctx, kDeny, call, {Equal(0, AF_NETLINK), Masked(2, kLow32, NETLINK_NETFILTER)});
}

struct OptionRange {
  uint64_t level;
  uint64_t first;
  uint64_t last;
};

// The option interface of iptables, ip6tables, arptables and ebtables: reachable for who is root in
// a network namespace of his own. (66 and 67 of SOL_IPV6 are IPV6_RECVTCLASS and IPV6_TCLASS.)
constexpr OptionRange kXtables[] = {
    {SOL_IP, 64, 67}, {SOL_IP, 96, 99}, {SOL_IP, 128, 131}, {SOL_IPV6, 64, 65}};

int DenyXtables(void* ctx) {
  for (const OptionRange& range : kXtables) {
    for (uint64_t option = range.first; option <= range.last; ++option) {
      for (const int call : {SCMP_SYS(setsockopt), SCMP_SYS(getsockopt)}) {
        const int rc =
            Add(ctx, kDeny, call, {Masked(1, kLow32, range.level), Masked(2, kLow32, option)});
        if (rc != 0) return rc;
      }
    }
  }
  return 0;
}

int DenyIoctls(void* ctx) {
  // Pushing input into a terminal, the console's menus, and line disciplines.
  for (const uint64_t request : {uint64_t{TIOCSTI}, uint64_t{TIOCLINUX}, uint64_t{TIOCSETD}}) {
    const int rc = Add(ctx, kDeny, SCMP_SYS(ioctl), {Masked(1, kLow32, request)});
    if (rc != 0) return rc;
  }
  return 0;
}

// clone() with a flag that makes a namespace. clone3() hides its flags in memory, so it does not
// exist: the C library then uses clone().
int DenyNewNamespaces(void* ctx) {
  constexpr uint64_t kFlags[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                 CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};
  int rc = Add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), {});
  for (const uint64_t flag : kFlags) {
    if (rc == 0) rc = Add(ctx, kDeny, SCMP_SYS(clone), {Masked(0, flag, flag)});
  }
  return rc;
}

// Of netlink only routes (getifaddrs). Of personalities none that maps page zero or makes what is
// readable executable.
int DenyStrictArguments(void* ctx) {
  int rc =
      Add(ctx, kDeny, SCMP_SYS(socket), {Equal(0, AF_NETLINK), {2, SCMP_CMP_NE, NETLINK_ROUTE, 0}});
  for (const uint64_t flag : {uint64_t{MMAP_PAGE_ZERO}, uint64_t{READ_IMPLIES_EXEC}}) {
    // All bits set asks for the present one.
    const auto set = Masked(0, kLow32, flag);
    if (rc == 0) rc = Add(ctx, kDeny, SCMP_SYS(personality), {set});
  }
  return rc;
}

// Below zero: it does not exist on this architecture; __NR_SCMP_ERROR: nobody knows it.
int NumberOf(const char* name) {
  const int number = seccomp_syscall_resolve_name(name);
  if (number != __NR_SCMP_ERROR) return number;
  for (const YoungCall& call : kYoung) {
    if (call.name == name) return call.number;
  }
  return __NR_SCMP_ERROR;
}

int DenyByName(void* ctx, std::span<const char* const> names) {
  for (const char* name : names) {
    const int number = NumberOf(name);
    if (number == __NR_SCMP_ERROR) return -ENOSYS;  // it would be allowed
    if (number < 0) continue;
    if (const int rc = Add(ctx, kDeny, number, {}); rc != 0) return rc;
  }
  return 0;
}

// The set-id bits of `mode` in each call that makes or changes a file, and attributes: what a box
// writes into a directory of the host must mean nothing there. Calls that hide the mode in memory
// do not exist: whoever wants openat2() can do without.
int DenyMarks(void* ctx) {
  struct Call {
    int number;
    unsigned mode;
    int flags;  // the argument whose O_CREAT or O_TMPFILE makes `mode` count; -1: it always does
  };
  const Call calls[] = {
      {SCMP_SYS(chmod), 1, -1},       {SCMP_SYS(fchmod), 1, -1}, {SCMP_SYS(fchmodat), 2, -1},
      {NumberOf("fchmodat2"), 2, -1}, {SCMP_SYS(creat), 1, -1},  {SCMP_SYS(mknod), 1, -1},
      {SCMP_SYS(mknodat), 2, -1},     {SCMP_SYS(open), 2, 1},    {SCMP_SYS(openat), 3, 2}};
  constexpr uint64_t kTmpFile = O_TMPFILE & ~O_DIRECTORY;
  for (const Call& call : calls) {
    for (const uint64_t bit : {uint64_t{S_ISUID}, uint64_t{S_ISGID}}) {
      const Match set = Masked(call.mode, bit, bit);
      int rc = 0;
      if (call.flags < 0) {
        rc = Add(ctx, kDeny, call.number, {set});
      } else {
        const auto flags = static_cast<unsigned>(call.flags);
        rc = Add(ctx, kDeny, call.number, {Masked(flags, O_CREAT, O_CREAT), set});
        if (rc == 0) rc = Add(ctx, kDeny, call.number, {Masked(flags, kTmpFile, kTmpFile), set});
      }
      if (rc != 0) return rc;
    }
  }
  for (const char* name : {"setxattr", "lsetxattr", "fsetxattr", "setxattrat"}) {
    const int rc = Add(ctx, SCMP_ACT_ERRNO(EOPNOTSUPP), NumberOf(name), {});
    if (rc != 0) return rc;
  }
  return Add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(openat2), {});
}

int AddRules(void* ctx, Profile profile, FileMarks marks) {
  int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
  if (rc == 0) rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (rc == 0) rc = DenyByName(ctx, kDenied);
  if (rc == 0) rc = DenySockets(ctx);
  if (rc == 0) rc = DenyXtables(ctx);
  if (rc == 0) rc = DenyIoctls(ctx);
  if (rc == 0 && marks == FileMarks::kDenied) rc = DenyMarks(ctx);
  if (profile == Profile::kDefault || rc != 0) return rc;
  rc = DenyByName(ctx, kDeniedStrict);
  if (rc == 0) rc = DenyNewNamespaces(ctx);
  if (rc == 0) rc = DenyStrictArguments(ctx);
  return rc;
}

// Calls that go on to the rules above; all others do not exist.
std::vector<int> StrictCalls() {
  std::vector<int> numbers(StrictCallNumbers().begin(), StrictCallNumbers().end());
  const auto add = [&numbers](std::span<const char* const> names) {
    for (const char* name : names) {
      const int number = NumberOf(name);
      if (number >= 0) numbers.push_back(number);
    }
  };
  add(StrictCallNames());
  add(kDenied);
  add(kDeniedStrict);
  return numbers;
}

// The same of the default profile.
std::vector<int> KnownCalls() {
  std::vector<int> numbers;
  for (int number = 0; number <= kOldLast; ++number) numbers.push_back(number);
  for (int number = kCommonFirst; number <= kCommonLast; ++number) numbers.push_back(number);
  return numbers;
}

}  // namespace

Result<std::string> SeccompProgram(Profile profile, FileMarks marks) {
  const Context ctx(seccomp_init(SCMP_ACT_ALLOW), seccomp_release);
  if (!ctx) return Error(Code::kInternal, "libseccomp cannot make a filter");
  if (const int rc = AddRules(ctx.get(), profile, marks); rc != 0) {
    return Error::FromErrno("libseccomp refuses a rule of the seccomp profile", -rc);
  }
  const UniqueFd out(memfd_create("seccomp", MFD_CLOEXEC));
  if (!out) return Error::FromErrno("memfd_create");
  if (const int rc = seccomp_export_bpf(ctx.get(), out.get()); rc != 0) {
    return Error::FromErrno("libseccomp cannot export the seccomp profile", -rc);
  }
  ASSIGN_OR_RETURN(std::string rules, sys::ReadFile("/proc/self/fd/" + std::to_string(out.get())));
  const std::vector<int> calls = profile == Profile::kDefault ? KnownCalls() : StrictCalls();
  return sys::AllowlistHead(calls, SECCOMP_RET_ERRNO | ENOSYS) + rules;
}

}  // namespace cove::sandbox
