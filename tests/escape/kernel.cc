// Calls that switch or read the machine's kernel, or are a second way into it.
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <ctime>

#include "attempt.h"

namespace cove::escape {
namespace {

Outcome Bpf() {
  Tries t;
  uint64_t attr[16] = {2ull | (4ull << 32), 4ull | (1ull << 32)};
  t.FailsWith("bpf(BPF_MAP_CREATE)", syscall(SYS_bpf, 0, attr, sizeof attr), EPERM);
  t.FailsWith("bpf(BPF_PROG_LOAD)", syscall(SYS_bpf, 5, attr, sizeof attr), EPERM);
  return t.End();
}

Outcome Perf() {
  Tries t;
  uint32_t attr[32] = {1, 128};
  t.FailsWith("perf_event_open", syscall(SYS_perf_event_open, attr, 0, -1, -1, 0), EPERM);
  return t.End();
}

Outcome Userfaultfd() {
  Tries t;
  t.FailsWith("userfaultfd", syscall(SYS_userfaultfd, O_CLOEXEC), EPERM);
  t.FailsWith("userfaultfd(UFFD_USER_MODE_ONLY)", syscall(SYS_userfaultfd, O_CLOEXEC | 1), EPERM);
  t.CannotOpen("/dev/userfaultfd", O_RDWR);
  return t.End();
}

Outcome Keys() {
  Tries t;
  t.FailsWith("add_key", syscall(SYS_add_key, "user", "cove", "x", 1, -3), EPERM);
  t.FailsWith("request_key", syscall(SYS_request_key, "user", "cove", nullptr, -3), EPERM);
  t.FailsWith("keyctl(GET_KEYRING_ID)", syscall(SYS_keyctl, 0, -3, 1), EPERM);
  t.FailsWith("keyctl(JOIN_SESSION_KEYRING)", syscall(SYS_keyctl, 1, "x"), EPERM);
  return t.End();
}

Outcome IoUring() {
  Tries t;
  io_uring_params params{};
  t.FailsWith("io_uring_setup", syscall(SYS_io_uring_setup, 8, &params), EPERM);
  t.FailsWith("io_uring_enter", syscall(SYS_io_uring_enter, -1, 1, 0, 0, nullptr, 0), EPERM);
  t.FailsWith("io_uring_register", syscall(SYS_io_uring_register, -1, 0, nullptr, 0), EPERM);
  return t.End();
}

Outcome OtherKernels() {
  Tries t;
  t.FailsWith("kexec_load", syscall(SYS_kexec_load, 0, 0, nullptr, 0), EPERM);
  t.FailsWith("kexec_file_load", syscall(SYS_kexec_file_load, -1, -1, 0, "", 0), EPERM);
  t.FailsWith("reboot", syscall(SYS_reboot, 0xfee1dead, 672274793, 0, nullptr), EPERM);
  return t.End();
}

Outcome Modules() {
  Tries t;
  t.FailsWith("init_module", syscall(SYS_init_module, "", 0, ""), EPERM);
  t.FailsWith("finit_module", syscall(SYS_finit_module, 0, "", 0), EPERM);
  t.FailsWith("delete_module", syscall(SYS_delete_module, "overlay", O_NONBLOCK), EPERM);
  return t.End();
}

Outcome Handles() {
  Tries t;
  struct {
    unsigned bytes;
    int type;
    unsigned char data[64];
  } handle{8, 1, {2}};
  const int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  t.Works("open /", root);
  t.FailsWith("open_by_handle_at", syscall(SYS_open_by_handle_at, root, &handle, O_RDONLY), EPERM);
  return t.End();
}

Outcome KernelLog() {
  Tries t;
  char text[64];
  t.FailsWith("syslog(READ_ALL)", syscall(SYS_syslog, 3, text, sizeof text), EPERM);
  t.FailsWith("syslog(CLEAR)", syscall(SYS_syslog, 5, nullptr, 0), EPERM);
  t.CannotOpen("/dev/kmsg", O_RDONLY);
  t.Holds("/proc/kmsg gives nothing", ReadText("/proc/kmsg").empty());
  return t.End();
}

Outcome Clock() {
  Tries t;
  timespec now{};
  t.Works("clock_gettime", clock_gettime(CLOCK_REALTIME, &now));
  const timeval then{1, 0};
  t.FailsWith("settimeofday", syscall(SYS_settimeofday, &then, nullptr), EPERM);
  t.FailsWith("clock_settime", syscall(SYS_clock_settime, CLOCK_REALTIME, &now), EPERM);
  char timex[512] = {1};
  t.FailsWith("adjtimex", syscall(SYS_adjtimex, timex), EPERM);
  return t.End();
}

Outcome MachineState() {
  Tries t;
  t.FailsWith("swapon", syscall(SYS_swapon, "/swap", 0), EPERM);
  t.FailsWith("swapoff", syscall(SYS_swapoff, "/swap"), EPERM);
  t.FailsWith("acct", syscall(SYS_acct, "/tmp/acct"), EPERM);
  t.FailsWith("quotactl", syscall(SYS_quotactl, 0x800002, "/dev/vda", 0, nullptr), EPERM);
  t.FailsWith("vhangup", syscall(SYS_vhangup), EPERM);
  t.Fails("sethostname", syscall(SYS_sethostname, "escaped", 7));
  return t.End();
}

#if defined(__x86_64__)
Outcome Ports() {
  Tries t;
  t.FailsWith("iopl", syscall(SYS_iopl, 3), EPERM);
  t.FailsWith("ioperm", syscall(SYS_ioperm, 0x70, 2, 1), EPERM);
  t.CannotOpen("/dev/port", O_RDWR);
  t.CannotOpen("/dev/mem", O_RDWR);
  return t.End();
}
#endif

constexpr Attempt kAttempts[] = {
    {"kernel.bpf", "EPERM", Bpf},
    {"kernel.perf", "EPERM", Perf},
    {"kernel.userfaultfd", "EPERM, no device", Userfaultfd},
    {"kernel.keyrings", "EPERM", Keys},
    {"kernel.io_uring", "EPERM", IoUring},
    {"kernel.kexec_reboot", "EPERM", OtherKernels},
    {"kernel.modules", "EPERM", Modules},
    {"kernel.file_handles", "EPERM, though / opens", Handles},
    {"kernel.log", "EPERM, no device", KernelLog},
    {"kernel.clock", "EPERM, though it can be read", Clock},
    {"kernel.machine_state", "EPERM", MachineState},
#if defined(__x86_64__)
    {"kernel.io_ports", "EPERM, no device", Ports},
#endif
};

}  // namespace

std::span<const Attempt> KernelAttempts() { return kAttempts; }

}  // namespace cove::escape
