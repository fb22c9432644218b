// Terminals inside sandboxes that outlive the connections that watch them.
//
// Concept: a Pty is a login shell that the toolbox runs on a pseudo terminal. Any number of clients
// may watch it and type; it goes on when all have gone, and ends with its shell, by Kill(), with
// its sandbox or with this process. A client that falls too far behind is cut off rather than let
// it hold the terminal back. Thread: loop-confined. Ptys outlive all viewers.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "async/task_group.h"
#include "base/strong_id.h"
#include "proto/toolbox_client.h"

namespace cove::api {

using async::Task;

struct PtyInfo {
  std::string id;
  std::string cwd;
  std::map<std::string, std::string> envs;
  proto::toolbox::WindowSize window;
  WallTime created_at;
};

class Pty {
 public:
  // What one client still has to be told.
  struct Viewer {
    std::string unsent;
    bool overrun = false;  // it fell behind and misses output
    async::Event changed;  // unsent grew, or the terminal ended
  };

  Pty(PtyInfo info, std::unique_ptr<proto::toolbox::ExecStream> shell)
      : info_(std::move(info)), shell_(std::move(shell)) {}

  const PtyInfo& info() const { return info_; }
  // Why the way to the shell broke, when it did; else empty.
  const std::string& broken() const { return broken_; }
  // How it ended; nothing while it runs.
  const std::optional<proto::toolbox::ExitStatus>& ended() const { return ended_; }
  // A viewer is registered from here until Leave(), and outlives that time.
  void Join(Viewer& viewer) { viewers_.insert(&viewer); }
  void Leave(Viewer& viewer) { viewers_.erase(&viewer); }
  // `bytes` must stay until this returns.
  Task<Result<void>> Type(std::string_view bytes);
  Task<Result<void>> Resize(proto::toolbox::WindowSize window);
  // Ends the shell and all it runs; viewers hear of it as exit code 137.
  void Kill() { over_.Set(); }

 private:
  friend class Ptys;
  // Until the shell has ended or is to be killed.
  Task<void> Run();
  Task<void> Read();
  void Show(std::string_view bytes);
  void End(proto::toolbox::ExitStatus status);

  PtyInfo info_;
  // Shared with calls that are under way: the stream's end is what kills the shell.
  std::shared_ptr<proto::toolbox::ExecStream> shell_;
  std::optional<proto::toolbox::ExitStatus> ended_;
  std::string broken_;
  std::set<Viewer*> viewers_;
  async::Event over_;
};

class Ptys {
 public:
  // kConflict when that id runs already, kExhausted past kPtysMax of one sandbox.
  Task<Result<std::shared_ptr<Pty>>> Create(SandboxId sandbox, std::string socket, PtyInfo info);
  // kNotFound.
  Result<std::shared_ptr<Pty>> Find(const SandboxId& sandbox, const std::string& id) const;
  std::vector<PtyInfo> List(const SandboxId& sandbox) const;

  static constexpr size_t kPtysMax = 64;

 private:
  using Key = std::pair<SandboxId, std::string>;
  Task<void> Run(Key key, std::shared_ptr<Pty> pty);
  std::map<Key, std::shared_ptr<Pty>> running_;
  std::set<Key> starting_;
  async::TaskGroup group_;
};

}  // namespace cove::api
