#include "toolbox/server.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>

#include "toolbox/environment.h"
#include "toolbox/file_worker.h"
#include "toolbox/ports.h"
#include "toolbox/ssh_agent.h"

namespace cove::toolbox {
namespace {

using proto::Decode;
using proto::toolbox::Empty;

Task<Result<void>> SendOk(SharedChannel& channel) {
  return channel.SendMessage(Type::kOk, Empty{});
}

Task<Result<void>> SendSessions(SharedChannel& channel, proto::toolbox::SessionList list) {
  FitTexts(&list);
  std::string body = proto::Encode(list);
  if (body.size() > proto::kFrameBodyMax) {
    co_return Error(Code::kTooLarge,
                    "the sessions have too many commands for one answer: ask for one session, or "
                    "delete some");
  }
  co_return co_await channel.SendWhole(Type::kSessions, std::move(body));
}

// Ends when the host has closed its end, whether or not we read what it sent before.
Task<void> AwaitHangup(int fd, async::Event* done) {
  // A duplicate: one descriptor can be watched once.
  const UniqueFd own(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (own) {
    async::FdWatch watch(own.get());
    for (;;) {
      pollfd p{own.get(), POLLRDHUP, 0};
      if (poll(&p, 1, 0) == 1) break;
      co_await watch.Readable();
    }
  }
  done->Set();
}

template <class T>
struct Count {
  T& number;
  explicit Count(T& n) : number(n) { ++number; }
  ~Count() { --number; }
  Count(const Count&) = delete;
};

// The user that the sandbox was created for works in it, if its image has that user.
void TakeDefaultUser(Shared& shared) {
  if (!shared.home.empty()) return;  // on the host, for tests: who we are
  for (const auto& [name, value] : shared.env) {
    if (name == "DAYTONA_SANDBOX_USER" && FindAccount(value)) shared.default_user = value;
  }
}

}  // namespace

Result<Account> Shared::AccountOf(const std::string& user) const {
  ASSIGN_OR_RETURN(Account account, FindAccount(user.empty() ? default_user : user));
  if (!home.empty()) account.home = home;
  return account;
}

// A shell that waits at its prompt is in front of its own terminal.
uint32_t Shared::Busy() const {
  uint32_t busy = running;
  for (const Spawned* t : terminals) {
    const pid_t front = t->output ? tcgetpgrp(t->output.get()) : -1;
    if (front > 0 && front != t->child->pid()) ++busy;
  }
  return busy;
}

Result<std::string> Absolute(const std::string& path, const std::string& home) {
  if (path.empty()) return Error(Code::kInvalid, "the path is empty");
  if (path.find('\0') != std::string::npos) return Error(Code::kInvalid, "the path holds a NUL");
  std::string full = path[0] == '/' ? path : path == "." ? home : home + "/" + path;
  while (full.size() > 1 && full.ends_with('/')) full.pop_back();
  return full;
}

Task<void> Server::Run(UniqueFd listener_fd) {
  net::Listener listener(std::move(listener_fd));
  for (;;) {
    auto fd = co_await listener.Accept();
    if (!fd) co_return;
    tasks_.Spawn(Serve(*std::move(fd)));
  }
}

Task<void> Server::Serve(UniqueFd fd) {
  const Count count(connections_);
  SharedChannel channel(std::move(fd));
  if (connections_ > kConnectionsMax) {
    proto::toolbox::ErrorReply reply;
    reply.code = static_cast<uint8_t>(Code::kExhausted);
    reply.message = "too many operations at once in this sandbox";
    (void)co_await channel.SendMessage(Type::kError, std::move(reply));
    co_return;
  }
  auto frame = co_await channel.Receive();
  if (!frame) co_return;
  async::Event done;
  async::TaskGroup tasks;
  tasks.Spawn(AwaitHangup(channel.fd(), &done));
  tasks.Spawn(Perform(&channel, *std::move(frame), &done));
  co_await done.Wait();
}

Task<void> Server::Perform(SharedChannel* channel, Frame frame, async::Event* done) {
  auto outcome = co_await Dispatch(*channel, std::move(frame));
  if (!outcome) {
    proto::toolbox::ErrorReply reply;
    reply.code = static_cast<uint8_t>(outcome.error().code());
    reply.message = outcome.error().message();
    (void)co_await channel->SendMessage(Type::kError, std::move(reply));
  }
  done->Set();
}

Task<Result<void>> Server::Dispatch(SharedChannel& channel, Frame frame) {
  const auto type = static_cast<Type>(frame.type);
  if (IsFileOperation(type)) co_return co_await StartFileWorker(channel, std::move(frame));
  switch (type) {
    case Type::kInfo:
      co_return co_await Info(channel);
    case Type::kConfigure: {
      CO_ASSIGN_OR_RETURN(auto m, Decode<proto::toolbox::Configure>(frame.body));
      CO_RETURN_IF_ERROR(CheckEnv(m.env));
      shared_.env = std::move(m.env);
      TakeDefaultUser(shared_);
      OfferSshAgent();
      co_return co_await SendOk(channel);
    }
    case Type::kStopClocks:
      shared_.clock.Stop();
      co_return co_await SendOk(channel);
    case Type::kStartClocks:
      shared_.clock.Start();
      co_return co_await SendOk(channel);
    case Type::kShutdown:
      CO_RETURN_IF_ERROR(co_await SendOk(channel));
      shutdown_asked_.Set();
      co_return Ok();
    case Type::kExec: {
      CO_ASSIGN_OR_RETURN(auto m, Decode<proto::toolbox::ExecRequest>(frame.body));
      co_return co_await RunExec(shared_, channel, std::move(m));
    }
    case Type::kPortList: {
      proto::toolbox::Ports ports;
      ports.ports = ListPorts();
      co_return co_await channel.SendMessage(Type::kPorts, std::move(ports));
    }
    case Type::kPortWatch:
      co_return co_await WatchPorts(channel);
    case Type::kPortConnect: {
      CO_ASSIGN_OR_RETURN(auto m, Decode<proto::toolbox::PortRef>(frame.body));
      co_return co_await ConnectPort(shared_, channel, m.port);
    }
    default:
      co_return co_await DispatchSession(channel, std::move(frame));
  }
}

// Once, when the environment first names it.
void Server::OfferSshAgent() {
  if (ssh_agent_offered_ || !WantsSshAgent(shared_)) return;
  auto listener = ListenForSshAgent();
  if (!listener) {
    std::fprintf(stderr, "cove-toolbox: %s\n", listener.error().message().c_str());
    return;
  }
  ssh_agent_offered_ = true;
  tasks_.Spawn(ServeSshAgent(*std::move(listener)));
}

Task<Result<void>> Server::DispatchSession(SharedChannel& channel, Frame frame) {
  using namespace proto::toolbox;
  switch (static_cast<Type>(frame.type)) {
    case Type::kSessionCreate: {
      CO_ASSIGN_OR_RETURN(auto m, Decode<SessionRef>(frame.body));
      CO_RETURN_IF_ERROR(co_await sessions_.Create(std::move(m.session)));
      co_return co_await SendOk(channel);
    }
    case Type::kSessionDelete: {
      CO_ASSIGN_OR_RETURN(auto m, Decode<SessionRef>(frame.body));
      CO_RETURN_IF_ERROR(co_await sessions_.Delete(std::move(m.session)));
      co_return co_await SendOk(channel);
    }
    case Type::kSessionGet: {
      CO_ASSIGN_OR_RETURN(auto m, Decode<SessionRef>(frame.body));
      CO_ASSIGN_OR_RETURN(const auto session, sessions_.Find(m.session));
      SessionList one;
      one.sessions.push_back(session->Info());
      co_return co_await SendSessions(channel, std::move(one));
    }
    case Type::kSessionList:
      co_return co_await SendSessions(channel, sessions_.List());
    case Type::kSessionExec: {
      CO_ASSIGN_OR_RETURN(auto m, Decode<SessionExec>(frame.body));
      CO_ASSIGN_OR_RETURN(const auto session, sessions_.Find(m.session));
      CO_ASSIGN_OR_RETURN(const auto command, session->Execute(std::move(m)));
      co_return co_await channel.SendMessage(Type::kCommand, command->info());
    }
    case Type::kCommandGet: {
      CO_ASSIGN_OR_RETURN(auto m, Decode<CommandRef>(frame.body));
      CO_ASSIGN_OR_RETURN(const auto session, sessions_.Find(m.session));
      CO_ASSIGN_OR_RETURN(const auto command, session->Find(m.command));
      co_return co_await channel.SendMessage(Type::kCommand, command->info());
    }
    case Type::kCommandLogs: {
      CO_ASSIGN_OR_RETURN(auto m, Decode<CommandLogs>(frame.body));
      CO_ASSIGN_OR_RETURN(auto session, sessions_.Find(m.session));
      CO_ASSIGN_OR_RETURN(auto command, session->Find(m.command));
      session.reset();  // a session that is deleted meanwhile must not be kept by its readers
      co_return co_await StreamLog(channel, std::move(command), m.follow);
    }
    case Type::kCommandInput: {
      CO_ASSIGN_OR_RETURN(auto m, Decode<CommandInput>(frame.body));
      CO_ASSIGN_OR_RETURN(const auto session, sessions_.Find(m.session));
      CO_ASSIGN_OR_RETURN(const auto command, session->Find(m.command));
      CO_RETURN_IF_ERROR(command->Input(std::move(m.data)));
      co_return co_await SendOk(channel);
    }
    default:
      co_return Error(Code::kInvalid, "the toolbox knows no request " + std::to_string(frame.type));
  }
}

Task<Result<void>> Server::Info(SharedChannel& channel) {
  proto::toolbox::InfoReply info;
  info.version = COVE_VERSION;
  CO_ASSIGN_OR_RETURN(const Account account, shared_.AccountOf(""));
  info.user = account.name;
  info.home = account.home;
  info.running = shared_.Busy();
  co_return co_await channel.SendMessage(Type::kInfoReply, std::move(info));
}

Task<void> Server::AwaitWorker(std::unique_ptr<Child> worker) {
  const Count count(file_workers_);
  co_await worker->exited().Wait();
}

Task<Result<void>> Server::StartFileWorker(SharedChannel& channel, Frame frame) {
  if (file_workers_ >= kFileWorkersMax) {
    co_return Error(Code::kExhausted, "too many file operations at once in this sandbox");
  }
  FileJob job;
  job.type = static_cast<Type>(frame.type);
  job.body = std::move(frame.body);
  job.connection = channel.fd();
  CO_ASSIGN_OR_RETURN(job.account, shared_.AccountOf(""));
  const pid_t pid = fork();
  if (pid < 0) co_return Error::FromErrno("cannot start a file operation: fork");
  if (pid == 0) RunFileWorker(shared_.spawner.confinement(), job);
  auto worker = shared_.spawner.children().Watch(pid);
  if (job.type == Type::kFileWrite) {
    // It sees for itself when the host gives up, and must then remove what it has written.
    tasks_.Spawn(AwaitWorker(std::move(worker)));
    co_return Ok();
  }
  co_await AwaitWorker(std::move(worker));
  co_return Ok();
}

}  // namespace cove::toolbox
