// What the parts of the child share. Everything declared here is async-signal-safe; a call that
// fails reports its step to the parent and ends the process.
#pragma once

#include <cerrno>

#include "sandbox/box_plan.h"

namespace cove::sandbox {

class Child {
 public:
  explicit Child(const BoxPlan& plan);
  const BoxPlan& plan() const { return plan_; }

  // `rc` unless it is negative, which ends the child with errno.
  int Need(long rc, BoxStep step) {
    if (rc < 0) Fail(step, errno);
    return static_cast<int>(rc);
  }
  [[noreturn]] void Fail(BoxStep step, int error, const char* detail = nullptr);
  void EndPhase(BoxPhase phase);
  void SendReady(const int (&sockets)[4]);
  void set_control(int fd) { control_ = fd; }

 private:
  uint32_t Elapsed() const;
  const BoxPlan& plan_;
  int control_;
  long started_ns_;
  ChildReport report_;
};

struct ChildSockets {
  int tcp4, tcp6, dns_udp, dns_tcp;
};

// net_child.cc: lo, routes, rules, then the listeners.
ChildSockets BuildNetwork(Child& child);

// root_child.cc: the overlay and what is mounted on it, then the change of root. The mounted /proc
// is usable as "/proc" afterwards.
void BuildRoot(Child& child);

// userns_child.cc: a descriptor of the inner user namespace, which kToolboxUid owns.
int MakeInnerUserNs(Child& child);

// exec_child.cc: descriptors, identity, ready, exec.
[[noreturn]] void BecomeToolbox(Child& child, const ChildSockets& sockets, int inner_userns);

}  // namespace cove::sandbox
