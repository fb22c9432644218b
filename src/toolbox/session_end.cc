#include "toolbox/session_end.h"

#include <poll.h>
#include <sys/syscall.h>

#include <algorithm>
#include <csignal>

#include "async/fd_watch.h"

namespace cove::toolbox {
namespace {

using async::Task;

constexpr int kKillRounds = 8;

void Send(const std::vector<Member>& members, int signal) {
  for (const Member& m : members) {
    syscall(SYS_pidfd_send_signal, m.pidfd.get(), signal, nullptr, 0);
  }
}

// Adds those that are not there yet.
void OpenAll(const std::vector<pid_t>& pids, std::vector<Member>* members) {
  for (const pid_t pid : pids) {
    if (members->size() >= kMembersMax) return;
    const auto same = [pid](const Member& m) { return m.pid == pid; };
    if (std::any_of(members->begin(), members->end(), same)) continue;
    UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (fd) members->push_back({pid, std::move(fd)});
  }
}

bool HasEnded(const Member& member) {
  pollfd p{member.pidfd.get(), POLLIN, 0};
  return poll(&p, 1, 0) == 1;
}

// True: none is left.
Task<bool> AwaitAll(std::vector<Member>* members, TimePoint deadline) {
  while (!members->empty()) {
    async::FdWatch watch(members->back().pidfd.get());
    if (!HasEnded(members->back()) && !co_await watch.Readable(deadline)) co_return false;
    members->pop_back();
  }
  co_return true;
}

std::vector<pid_t> PidsOfSession(const std::vector<ProcessRow>& all, pid_t shell) {
  std::vector<pid_t> pids;
  for (const ProcessRow& row : all) {
    if (row.session == shell && row.pid != shell && row.state != 'Z') pids.push_back(row.pid);
  }
  return pids;
}

// What the members have started since they were listed, and what they left in the kernel session.
void FindMore(pid_t shell, bool session_is_ours, std::vector<Member>* members) {
  const auto all = ListProcesses();
  std::vector<pid_t> seeds = session_is_ours ? PidsOfSession(all, shell) : std::vector<pid_t>();
  for (const Member& m : *members) {
    if (m.pid != shell && !HasEnded(m)) seeds.push_back(m.pid);
  }
  OpenAll(WithDescendants(all, std::move(seeds)), members);
}

}  // namespace

std::vector<Member> OpenOrphans(pid_t shell) {
  std::vector<Member> members;
  OpenAll(PidsOfSession(ListProcesses(), shell), &members);
  return members;
}

Task<void> EndShell(Child& shell, std::vector<Member> orphans) {
  std::vector<Member> members = std::move(orphans);
  // Once the shell was reaped its number may name another session: then only `orphans` count.
  const bool shell_lived = !shell.status().has_value();
  if (shell_lived) OpenAll(MembersOfShell(ListProcesses(), shell.pid()), &members);
  Send(members, SIGTERM);
  co_await AwaitAll(&members, Now() + kTermGrace);
  for (int round = 0; round < kKillRounds; ++round) {
    FindMore(shell.pid(), shell_lived, &members);
    if (members.empty()) break;
    Send(members, SIGKILL);
    if (!co_await AwaitAll(&members, Now() + kKillWait)) break;
  }
  if (shell.status()) co_return;
  shell.SignalGroup(SIGKILL);
  co_await shell.exited().Wait(Now() + kKillWait);
}

}  // namespace cove::toolbox
