// What the steps share. The process has one thread and, until it has become a toolbox, the runner's
// word to go by; a call that fails reports its step to the runner and ends the process.
#pragma once

#include <cerrno>

#include "init/orders.h"

namespace cove::init {

class Child {
 public:
  explicit Child(int control);

  // `rc` unless it is negative, which ends the process with errno.
  int Need(long rc, BoxStep step) {
    if (rc < 0) Fail(step, errno);
    return static_cast<int>(rc);
  }
  [[noreturn]] void Fail(BoxStep step, int error, const char* detail = nullptr);
  void RestartClock();
  void EndPhase(BoxPhase phase);
  void SendReady(const int (&sockets)[4]);
  // The next packet of the runner, of at most `max_size`, with at most `max_fds` descriptors. Ends
  // the process when the runner is gone.
  struct Packet {
    size_t size;
    size_t fds;
  };
  Packet Receive(void* data, size_t max_size, int* fds, size_t max_fds);
  int control() const { return control_; }
  void set_control(int fd) { control_ = fd; }

 private:
  uint32_t Elapsed() const;
  int control_;
  long started_ns_;
  ChildReport report_;
};

// Where descriptors are put while they are renumbered: above every fixed number.
inline constexpr int kParkedFds = 64;
inline constexpr size_t kFixedFdsMax = 32;

struct ChildSockets {
  int tcp4, tcp6, dns_udp, dns_tcp;
};

struct ChildRoot {
  RootOrder order;
  int fds[2 + kBoxLayersMax];
  int box() const { return fds[0]; }
  int state() const { return fds[1]; }
  int layer(size_t i) const { return fds[2 + i]; }
};

struct ChildIdentity {
  IdentityOrder order;
  static constexpr size_t kFds = 4;
  int fds[kFds + kBoxCgroupsMax];
  int listener() const { return fds[0]; }
  int seccomp() const { return fds[1]; }
  int oom() const { return fds[2]; }
  int oom_event() const { return fds[3]; }
  int cgroup(size_t i) const { return fds[kFds + i]; }
};

// network.cc: receives the order; lo, routes, rules, then the listeners.
ChildSockets BuildNetwork(Child& child);

// root.cc: the overlay and what is mounted on it, then the change of root. The mounted /proc is
// usable as "/proc" afterwards.
void BuildRoot(Child& child, const ChildRoot& root);

// inner_userns.cc: a descriptor of the inner user namespace, which kToolboxUid owns.
int MakeInnerUserNs(Child& child);

// identity.cc: what no exec of the process will ever give it, and its limits; can be done ahead.
void BoundPrivileges(Child& child);

// identity.cc: descriptors, user. The runner has been told "ready" when it returns.
void TakeIdentity(Child& child, const ChildIdentity& identity, const ChildSockets& sockets,
                  int inner_userns);

}  // namespace cove::init
