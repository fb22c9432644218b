// Runs between fork and exec (or in a file worker): async-signal-safe calls only.
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "toolbox/confinement.h"

namespace cove::toolbox {
namespace {

bool JoinCgroups(const Confinement& confinement) {
  for (const UniqueFd& fd : confinement.cgroups) {
    if (write(fd.get(), "0", 1) != 1) return false;
  }
  return true;
}

// In the inner namespace we hold CAP_SYS_ADMIN, so no_new_privs is not needed: sudo works.
bool InstallSeccomp(const std::vector<sock_filter>& filter) {
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           const_cast<sock_filter*>(filter.data())};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

// What root of a strict sandbox keeps: power over files, ids and processes of its own, nothing that
// makes namespaces, mounts, devices or looks into others.
constexpr int kStrictCapabilities[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,
                                       CAP_KILL,  CAP_SETGID,       CAP_SETUID};

constexpr uint32_t StrictMask() {
  uint32_t mask = 0;
  for (const int capability : kStrictCapabilities) mask |= 1u << capability;
  return mask;
}

// The bounding set is what an exec as root would give.
bool BoundPrivileges() {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    const bool kept = capability < 32 && (StrictMask() >> capability & 1) != 0;
    if (!kept && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return false;
  }
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

bool KeepStrictCapabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  data[0].permitted = data[0].effective = StrictMask();
  return syscall(SYS_capset, &header, data) == 0;
}

// Entering the namespace gave all capabilities in it, and the kernel takes them away only when a
// process stops being root, which we never were: capabilities(7). An exec would drop them; a file
// worker does not execute anything.
bool DropCapabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  return syscall(SYS_capset, &header, none) == 0;
}

}  // namespace

Step BecomeUser(const Confinement& confinement, const Account& account,
                const std::vector<sock_filter>& seccomp) {
  if (!JoinCgroups(confinement)) return Step::kCgroup;
  if (confinement.user_namespace && setns(confinement.user_namespace.get(), CLONE_NEWUSER) != 0) {
    return Step::kNamespace;
  }
  if (confinement.strict && !BoundPrivileges()) return Step::kPrivileges;
  if (!confinement.standalone && !InstallSeccomp(seccomp)) return Step::kSeccomp;
  if (confinement.standalone && geteuid() != 0) {
    errno = EPERM;
    return account.uid == geteuid() ? Step::kNone : Step::kUser;
  }
  // Raw calls: the C library's versions may take locks to tell other threads.
  if (syscall(SYS_setgroups, account.groups.size(), account.groups.data()) != 0 ||
      syscall(SYS_setresgid, account.gid, account.gid, account.gid) != 0) {
    return Step::kGroups;
  }
  if (syscall(SYS_setresuid, account.uid, account.uid, account.uid) != 0) return Step::kUser;
  if (account.uid != 0) return DropCapabilities() ? Step::kNone : Step::kUser;
  return !confinement.strict || KeepStrictCapabilities() ? Step::kNone : Step::kPrivileges;
}

}  // namespace cove::toolbox
