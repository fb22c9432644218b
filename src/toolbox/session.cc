#include "toolbox/session.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "async/fd_watch.h"
#include "base/text.h"
#include "toolbox/environment.h"
#include "toolbox/session_driver.h"

namespace cove::toolbox {
namespace {
constexpr milliseconds kFloodPause{20};
}  // namespace

Session::Session(Shared& shared, std::string id, SessionFiles files)
    : shared_(shared), id_(std::move(id)), files_(std::move(files)) {}

Session::~Session() {
  tasks_.Clear();
  queue_.clear();
  commands_.clear();
  unlinkat(files_.sessions, files_.name.c_str(), AT_REMOVEDIR);
}

Task<Result<void>> Session::Start() {
  const SessionDriver driver = MakeSessionDriver(shared_.shell, files_.path);
  int control[2];
  int status[2];
  if (pipe2(control, O_CLOEXEC) != 0) co_return Error::FromErrno("pipe");
  const UniqueFd control_reader(control[0]);
  control_.Reset(control[1]);
  if (pipe2(status, O_CLOEXEC) != 0) co_return Error::FromErrno("pipe");
  status_.Reset(status[0]);
  const UniqueFd status_writer(status[1]);
  fcntl(control_.get(), F_SETFL, O_NONBLOCK);
  fcntl(status_.get(), F_SETFL, O_NONBLOCK);

  SpawnPlan plan;
  CO_ASSIGN_OR_RETURN(plan.account, shared_.AccountOf(""));
  plan.candidates = {shared_.shell};
  plan.argv = {shared_.shell, "-c", driver.text};
  plan.env = MakeEnv(plan.account, shared_.shell, shared_.env, {}, false);
  plan.cwd = plan.account.home;
  plan.wiring = Wiring::kNothing;
  plan.inherited = {{control_reader.get(), driver.control_fd},
                    {status_writer.get(), driver.status_fd}};
  CO_ASSIGN_OR_RETURN(shell_, co_await shared_.spawner.Start(std::move(plan)));
  tasks_.Spawn(ReadStatus());
  tasks_.Spawn(AwaitShell());
  tasks_.Spawn(RunCommands());
  co_return Ok();
}

Error Session::Ended() const {
  return {Code::kGone, "session " + id_ + " has ended: its shell exited with status " +
                           std::to_string(shell_code_) + "; delete it and create it anew"};
}

Result<std::shared_ptr<Command>> Session::Execute(proto::toolbox::SessionExec request) {
  if (shell_ended_) return Ended();
  if (Trim(request.command).empty()) return Error(Code::kInvalid, "the command is empty");
  if (request.command.find('\0') != std::string::npos) {
    return Error(Code::kInvalid, "the command holds a NUL byte");
  }
  if (queue_.size() >= kQueuedMax) {
    return Error(Code::kExhausted, "session " + id_ + ": " + std::to_string(kQueuedMax) +
                                       " commands wait for the running one already");
  }
  RETURN_IF_ERROR(CommandText::CheckRoom(request.command.size()));
  Forget();
  const uint64_t number = next_number_++;
  auto log = std::make_shared<CommandLog>(files_.logs, files_.name + "-" + std::to_string(number));
  auto command = std::make_shared<Command>(shared_, files_.folder.get(), number, std::move(request),
                                           std::move(log));
  commands_.push_back(command);
  queue_.push_back(command);
  changed_.NotifyAll();
  return command;
}

void Session::Forget() {
  if (commands_.size() < kCommandsMax) return;
  const auto ended = [](const auto& command) { return command->info().ended; };
  const auto it = std::find_if(commands_.begin(), commands_.end(), ended);
  if (it != commands_.end()) commands_.erase(it);
}

Result<std::shared_ptr<Command>> Session::Find(const std::string& command) const {
  for (const auto& entry : commands_) {
    if (entry->info().id == command) return entry;
  }
  return Error(Code::kNotFound, "session " + id_ + " has no command " + command);
}

proto::toolbox::SessionInfo Session::Info() const {
  proto::toolbox::SessionInfo info;
  info.id = id_;
  for (const auto& command : commands_) info.commands.push_back(command->info());
  return info;
}

// Lines "NUMBER STATUS" from the shell. What a command forges there harms only its own session.
bool Session::TakeStatus() {
  constexpr size_t kLineMax = 256;
  constexpr size_t kBurst = 16 * kLineMax;
  char buffer[kLineMax];
  bool all = false;
  for (size_t taken = 0; taken < kBurst;) {
    const ssize_t n = read(status_.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      all = true;
      break;
    }
    taken += static_cast<size_t>(n);
    status_text_.append(buffer, static_cast<size_t>(n));
    for (size_t end; (end = status_text_.find('\n')) != std::string::npos;) {
      const auto words = Split(std::string_view(status_text_).substr(0, end), ' ');
      const auto number = ParseInt<uint64_t>(words[0]);
      const auto code = words.size() == 2 ? ParseInt<int32_t>(words[1]) : std::nullopt;
      if (number && code) {
        finished_number_ = *number;
        finished_code_ = *code;
      }
      status_text_.erase(0, end + 1);
    }
    if (status_text_.size() > kLineMax) status_text_.clear();
  }
  changed_.NotifyAll();
  return all;
}

Task<void> Session::ReadStatus() {
  async::FdWatch watch(status_.get());
  while (!shell_ended_) {
    if (TakeStatus()) {
      co_await watch.Readable();
    } else {
      co_await async::Sleep(kFloodPause);
    }
  }
}

Task<void> Session::AwaitShell() {
  co_await shell_.child->exited().Wait();
  // The number of the shell stays taken for as long as its kernel session has members, so this
  // picture, made before anything else can start, names nobody else's.
  orphans_ = OpenOrphans(shell_.child->pid());
  (void)TakeStatus();
  shell_code_ = StatusOf(*shell_.child->status()).code;
  shell_ended_ = true;
  changed_.NotifyAll();
}

Task<int32_t> Session::RunOne(Command* command) {
  const uint64_t number = command->number();
  auto prepared = command->Prepare();
  if (!prepared) {
    command->Refuse(prepared.error());
    co_return -1;
  }
  const std::string line = std::to_string(number) + "\n";
  // The shell has taken all earlier lines, so a pipe has room for this one.
  if (write(control_.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) &&
      !shell_ended_) {
    co_await shell_.child->exited().Wait();
  }
  while (finished_number_ != number && !shell_ended_) co_await changed_.Wait();
  co_return finished_number_ == number ? finished_code_ : shell_code_;
}

Task<void> Session::RunCommands() {
  for (;;) {
    while (queue_.empty() && !shell_ended_) co_await changed_.Wait();
    if (shell_ended_) break;
    const std::shared_ptr<Command> command = queue_.front();
    const int32_t code = co_await RunOne(command.get());
    co_await command->Finish(code, shell_.child->pid());
    queue_.pop_front();
  }
  for (const auto& command : queue_) command->EndUnstarted();
  queue_.clear();
  idle_ = true;
  changed_.NotifyAll();
}

Task<void> Session::Terminate() {
  if (!shell_.child) co_return;
  co_await EndShell(*shell_.child, std::move(orphans_));
  while (!idle_) co_await changed_.Wait();
}

}  // namespace cove::toolbox
