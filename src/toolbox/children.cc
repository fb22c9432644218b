#include "toolbox/children.h"

#include <sys/wait.h>

#include <cerrno>
#include <csignal>

namespace cove::toolbox {

Child::~Child() {
  owner_.watched_.erase(pid_);
  SignalGroup(SIGKILL);
}

void Child::SignalGroup(int signal) const {
  if (status_) return;
  // The leader too: just after the fork it has not made its group yet.
  kill(pid_, signal);
  kill(-pid_, signal);
}

std::unique_ptr<Child> Children::Watch(pid_t pid) {
  std::unique_ptr<Child> child(new Child(*this, pid));
  watched_[pid] = child.get();
  return child;
}

void Children::Reap() {
  none_left_.Reset();
  for (;;) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0 && errno == ECHILD) none_left_.Set();
    if (pid <= 0) return;
    const auto it = watched_.find(pid);
    if (it == watched_.end()) continue;
    Child* child = it->second;
    watched_.erase(it);
    child->status_ = status;
    child->ended_with_all_ = ending_;
    child->exited_.Set();
  }
}

void Children::EndAll() {
  Reap();  // what has ended by itself until now
  ending_ = true;
  if (getpid() == 1) kill(-1, SIGTERM);
  Reap();  // with nothing left no SIGCHLD would come to say so
}

}  // namespace cove::toolbox
