#include "toolbox/spawn.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "async/fd_watch.h"
#include "sys/argv.h"

namespace cove::toolbox {
namespace {

using internal::ChildPlan;
using internal::Failure;

struct Ends {
  UniqueFd parent;
  UniqueFd child;
};

// Our ends do not block; the child's do, as programs expect.
Result<void> MakePipe(UniqueFd* reader, UniqueFd* writer, const UniqueFd* ours) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return Error::FromErrno("pipe");
  reader->Reset(fds[0]);
  writer->Reset(fds[1]);
  fcntl(ours->get(), F_SETFL, O_NONBLOCK);
  return Ok();
}

struct Wires {
  Ends in;
  Ends out;
  Ends err;
  UniqueFd null;
};

Result<Wires> MakeWires(const SpawnPlan& plan) {
  Wires w;
  w.null.Reset(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!w.null) return Error::FromErrno("/dev/null");
  if (plan.wiring == Wiring::kTerminal || plan.wiring == Wiring::kNothing) return w;
  if (plan.stdin_open) RETURN_IF_ERROR(MakePipe(&w.in.child, &w.in.parent, &w.in.parent));
  RETURN_IF_ERROR(MakePipe(&w.out.parent, &w.out.child, &w.out.parent));
  if (plan.wiring == Wiring::kPipes) {
    RETURN_IF_ERROR(MakePipe(&w.err.parent, &w.err.child, &w.err.parent));
  }
  return w;
}

int Or(const UniqueFd& fd, const UniqueFd& other) { return fd ? fd.get() : other.get(); }

ChildPlan MakeChildPlan(const Confinement& confinement, SpawnPlan& plan, const Wires& w,
                        int report) {
  ChildPlan out;
  out.confinement = &confinement;
  out.account = &plan.account;
  for (const std::string& path : plan.candidates) out.candidates.push_back(path.c_str());
  out.argv = sys::Pointers(plan.argv);
  out.env = sys::Pointers(plan.env);
  if (!plan.shell_argv.empty()) {
    out.shell_argv = sys::Pointers(plan.shell_argv);
    out.env.resize(out.env.size() + 2, nullptr);
  }
  out.cwd = plan.cwd.c_str();
  out.terminal = plan.wiring == Wiring::kTerminal;
  out.window = plan.window;
  out.standard[0] = Or(w.in.child, w.null);
  out.standard[1] = Or(w.out.child, w.null);
  out.standard[2] = plan.wiring == Wiring::kMergedPipe ? out.standard[1] : Or(w.err.child, w.null);
  out.inherited = &plan.inherited;
  out.report = report;
  return out;
}

Error StartError(const Failure& failure, const SpawnPlan& plan) {
  std::string what = std::string("cannot start the command: ") + StepText(failure.step);
  if (failure.step == Step::kFolder) what += " " + plan.cwd;
  if (failure.step == Step::kUser) what += " " + plan.account.name;
  if (failure.step == Step::kExec && !plan.argv.empty()) what += " " + plan.argv[0];
  return Error::FromErrno(what, failure.error);
}

// Waits until the child has executed (the report socket ends) or says why not.
Task<Result<UniqueFd>> AwaitStart(net::SocketStream& report, const SpawnPlan* plan) {
  UniqueFd master;
  for (;;) {
    char buffer[sizeof(Failure)];
    std::vector<UniqueFd> fds;
    auto n = co_await report.ReadWithFds(buffer, &fds);
    if (!n || *n == 0) co_return std::move(master);
    if (!fds.empty()) master = std::move(fds.front());
    if (*n == sizeof(Failure)) {
      Failure failure;
      std::memcpy(&failure, buffer, sizeof failure);
      co_return StartError(failure, *plan);
    }
  }
}

}  // namespace

const char* StepText(Step step) {
  switch (step) {
    case Step::kNone:
      return "";
    case Step::kCgroup:
      return "joining the workload's cgroup";
    case Step::kNamespace:
      return "entering the user namespace";
    case Step::kPrivileges:
      return "giving up privileges";
    case Step::kSeccomp:
      return "installing the system call filter";
    case Step::kGroups:
      return "setting the groups";
    case Step::kUser:
      return "becoming the user";
    case Step::kTerminal:
      return "opening a terminal";
    case Step::kDescriptors:
      return "arranging descriptors";
    case Step::kFolder:
      return "entering the folder";
    case Step::kExec:
      return "executing";
  }
  return "";
}

Task<Result<Spawned>> Spawner::Start(SpawnPlan plan) {
  CO_ASSIGN_OR_RETURN(Wires wires, MakeWires(plan));
  int report[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report) != 0) {
    co_return Error::FromErrno("socketpair");
  }
  UniqueFd theirs(report[1]);
  net::SocketStream ours{UniqueFd(report[0])};
  const ChildPlan child_plan = MakeChildPlan(confinement_, plan, wires, theirs.get());
  const pid_t pid = fork();
  if (pid < 0) co_return Error::FromErrno("the sandbox can start no more processes: fork");
  if (pid == 0) internal::RunChild(child_plan);

  Spawned spawned;
  spawned.child = children_.Watch(pid);
  theirs.Reset();
  wires.in.child.Reset();
  wires.out.child.Reset();
  wires.err.child.Reset();
  CO_ASSIGN_OR_RETURN(UniqueFd master, co_await AwaitStart(ours, &plan));
  spawned.input = std::move(wires.in.parent);
  spawned.output = std::move(wires.out.parent);
  spawned.error = std::move(wires.err.parent);
  if (plan.wiring == Wiring::kTerminal && master) {
    fcntl(master.get(), F_SETFL, O_NONBLOCK);
    spawned.input.Reset(fcntl(master.get(), F_DUPFD_CLOEXEC, 3));
    spawned.output = std::move(master);
  }
  co_return std::move(spawned);
}

}  // namespace cove::toolbox
