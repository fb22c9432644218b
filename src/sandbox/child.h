// What the parts of the child share. Everything declared here is async-signal-safe; a call that
// fails reports its step to the parent and ends the process.
#pragma once

#include <cerrno>

#include "sandbox/box_plan.h"

namespace cove::sandbox {

class Child {
 public:
  explicit Child(const ShellPlan& plan);
  const ShellPlan& plan() const { return plan_; }

  // `rc` unless it is negative, which ends the child with errno.
  int Need(long rc, BoxStep step) {
    if (rc < 0) Fail(step, errno);
    return static_cast<int>(rc);
  }
  [[noreturn]] void Fail(BoxStep step, int error, const char* detail = nullptr);
  void RestartClock();
  void EndPhase(BoxPhase phase);
  void SendReady(const int (&sockets)[4]);
  // The next packet of the parent, which has to be of `size`, and its descriptors. Ends the process
  // when the parent is gone.
  size_t Receive(void* data, size_t size, int* fds, size_t max);
  int control() const { return control_; }
  void set_control(int fd) { control_ = fd; }
  int toolbox() const { return toolbox_; }
  // Moves what the plan names out of the way of all else, which is closed: above all the other
  // shells' control sockets, whose end their children wait for.
  void KeepOnlyOwn();

 private:
  uint32_t Elapsed() const;
  const ShellPlan& plan_;
  int control_;
  int toolbox_;
  long started_ns_;
  ChildReport report_;
};

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

struct ChildExec {
  ExecOrder order;
  int fds[3 + kBoxCgroupsMax];
  int listener() const { return fds[0]; }
  int seccomp() const { return fds[1]; }
  int oom() const { return fds[2]; }
  int cgroup(size_t i) const { return fds[3 + i]; }
};

// net_child.cc: lo, routes, rules, then the listeners.
ChildSockets BuildNetwork(Child& child);

// root_child.cc: the overlay and what is mounted on it, then the change of root. The mounted /proc
// is usable as "/proc" afterwards.
void BuildRoot(Child& child, const ChildRoot& root);

// userns_child.cc: a descriptor of the inner user namespace, which kToolboxUid owns.
int MakeInnerUserNs(Child& child);

// exec_child.cc: descriptors, identity, ready, exec.
[[noreturn]] void BecomeToolbox(Child& child, const ChildExec& exec, const ChildSockets& sockets,
                                int inner_userns);

}  // namespace cove::sandbox
