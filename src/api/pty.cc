#include "api/pty.h"

namespace cove::api {
namespace {

using proto::toolbox::ExecEvent;
using proto::toolbox::ExitStatus;

constexpr size_t kUnsentMax = 4 * 1024 * 1024;

}  // namespace

Task<Result<void>> Pty::Type(std::string_view bytes) {
  const auto shell = shell_;
  if (ended_) co_return Error(Code::kGone, "the terminal has ended");
  co_return co_await shell->WriteStdin(bytes);
}

Task<Result<void>> Pty::Resize(proto::toolbox::WindowSize window) {
  const auto shell = shell_;
  if (ended_) co_return Error(Code::kGone, "the terminal has ended");
  CO_RETURN_IF_ERROR(co_await shell->Resize(window));
  info_.window = window;
  co_return Ok();
}

void Pty::Show(std::string_view bytes) {
  for (Viewer* viewer : viewers_) {
    if (viewer->unsent.size() + bytes.size() > kUnsentMax) {
      viewer->overrun = true;
    } else {
      viewer->unsent += bytes;
    }
    viewer->changed.Set();
  }
}

void Pty::End(ExitStatus status) {
  ended_ = std::move(status);
  for (Viewer* viewer : viewers_) viewer->changed.Set();
  over_.Set();
}

Task<void> Pty::Read() {
  for (;;) {
    auto event = co_await shell_->Next();
    if (!event) {
      broken_ = event.error().message();
      break;
    }
    if (event->kind == ExecEvent::Kind::kExited) {
      End(std::move(event->status));
      co_return;
    }
    Show(event->data);
  }
  over_.Set();
}

Task<void> Pty::Run() {
  {
    async::TaskGroup reader;
    reader.Spawn(Read());
    co_await over_.Wait();
  }
  shell_.reset();
  if (ended_) co_return;
  ExitStatus killed;
  killed.reason = proto::toolbox::ExitReason::kSignaled;
  killed.code = 137;
  End(std::move(killed));
}

Task<Result<std::shared_ptr<Pty>>> Ptys::Create(SandboxId sandbox, std::string socket,
                                                PtyInfo info) {
  const Key key(sandbox, info.id);
  if (running_.contains(key) || starting_.contains(key)) {
    co_return Error(Code::kConflict, "a terminal named '" + info.id + "' runs already");
  }
  if (List(sandbox).size() >= kPtysMax) {
    co_return Error(Code::kExhausted, "the sandbox has 64 terminals already; end one of them");
  }
  struct Starting {
    std::set<Key>* keys;
    Key key;
    ~Starting() { keys->erase(key); }
  } const starting{&starting_, key};
  starting_.insert(key);
  proto::toolbox::ExecRequest request;
  request.argv = {"/bin/bash", "-l", "-i"};
  request.cwd = info.cwd;
  request.env = {{"TERM", "xterm-256color"}};
  for (const auto& [name, value] : info.envs) request.env.emplace_back(name, value);
  request.pty = true;
  request.stdin_open = true;
  request.window = info.window;
  info.created_at = WallNow();
  proto::toolbox::ToolboxClient client(std::move(socket));
  CO_ASSIGN_OR_RETURN(auto shell, co_await client.Exec(std::move(request)));
  if (shell->pid() == 0) {
    CO_ASSIGN_OR_RETURN(const ExecEvent end, co_await shell->Next());
    co_return Error(Code::kConflict, "the terminal could not be started: " + end.status.detail);
  }
  auto pty = std::make_shared<Pty>(std::move(info), std::move(shell));
  running_[key] = pty;
  group_.Spawn(Run(key, pty));
  co_return pty;
}

Task<void> Ptys::Run(Key key, std::shared_ptr<Pty> pty) {
  co_await pty->Run();
  running_.erase(key);
}

Result<std::shared_ptr<Pty>> Ptys::Find(const SandboxId& sandbox, const std::string& id) const {
  const auto it = running_.find(Key(sandbox, id));
  if (it == running_.end()) {
    return Error(Code::kNotFound, "there is no terminal named '" + id + "'; it may have ended");
  }
  return it->second;
}

std::vector<PtyInfo> Ptys::List(const SandboxId& sandbox) const {
  std::vector<PtyInfo> out;
  for (const auto& [key, pty] : running_) {
    if (key.first == sandbox) out.push_back(pty->info());
  }
  return out;
}

}  // namespace cove::api
