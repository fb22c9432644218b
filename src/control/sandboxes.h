// Sandboxes: the life of every sandbox, as desired and observed state.
//
// Concept: each sandbox has a row that says what should be (started, stopped, destroyed) and what
// was last seen. An operation first writes what it wants, then does it, then writes what came of
// it; so a front that is killed at any instant finds in the rows what was under way, and Recover()
// of the next one finishes it. All rows are also in memory: reading never waits.
//
// Operations on one sandbox run one after the other in the order asked; each looks at the state it
// finds when its turn comes. They go on when their caller is cancelled (a client that hangs up does
// not leave half a sandbox).
//
// Errors: kInvalid for a request that can never work, kNotFound, kConflict for a name that is
// taken or a state that forbids it, kExhausted when the machine or a limit is full, kUnavailable
// when the runner or a sandbox does not answer.
// Thread: loop-confined.
#pragma once

#include <functional>
#include <memory>

#include "async/task_group.h"
#include "control/ports.h"
#include "control/sandbox.h"

namespace cove::control {

// A change of state. For a sandbox that has just been made `from` is empty.
struct Change {
  Sandbox sandbox;  // after the change
  std::optional<State> from;
  State to = State::kCreating;
};

// Ends with its destruction. It may be destroyed inside the callback.
class Subscription {
 public:
  Subscription() = default;
  explicit Subscription(std::shared_ptr<void> token) : token_(std::move(token)) {}

 private:
  std::shared_ptr<void> token_;
};

enum class StopMode { kGraceful, kForce };

struct RecoverReport {
  size_t adopted = 0;   // run, and are served again
  size_t stopped = 0;   // had ended meanwhile
  size_t finished = 0;  // half-done operations that were completed
  size_t removed = 0;   // boxes of the runner that nobody owned
};

class Sandboxes {
 public:
  // Reads all rows. Sandboxes that run are not served before Recover().
  static Task<Result<std::unique_ptr<Sandboxes>>> Open(Deps deps, Settings settings);
  ~Sandboxes();
  Sandboxes(const Sandboxes&) = delete;
  Sandboxes& operator=(const Sandboxes&) = delete;

  // Once, before anything else: compares rows with what the runner has and makes both one.
  // Running sandboxes are adopted before it returns, half-done operations go on behind.
  Task<Result<RecoverReport>> Recover();
  // Starts the timers (auto-stop and the like) and, if need be and images are this server's own,
  // the capture of the host image.
  void Run();

  // --- sandboxes
  // Answers with state started, or an error that leaves nothing behind.
  Task<Result<Sandbox>> Create(CreateRequest request);
  // By id or name, in that organisation. kNotFound.
  Result<Sandbox> Get(const OrgId& org, std::string_view id_or_name) const;
  // By id in any organisation: for previews and the gateway.
  std::optional<Sandbox> Find(const SandboxId& id) const;
  // kInvalid for a cursor or limit that makes no sense.
  Result<ListPage> List(const OrgId& org, const ListQuery& query) const;
  size_t size() const;

  // These answer when it is done. Start on a started one and Stop on a stopped one are fine.
  Task<Result<Sandbox>> Start(SandboxId id);
  // An ephemeral sandbox (auto_delete 0) is deleted: its answer has state destroyed.
  Task<Result<Sandbox>> Stop(SandboxId id, StopMode mode = StopMode::kGraceful);
  Task<Result<Sandbox>> Delete(SandboxId id);
  // Freezes all of it; Start resumes. Pause on a paused one is fine.
  Task<Result<Sandbox>> Pause(SandboxId id);
  // Other limits, at once where it runs. kExhausted when the machine has no room for the growth,
  // kInvalid for a smaller disk.
  Task<Result<Sandbox>> Resize(SandboxId id, ResourcesPatch patch);

  // What is kept of `asked` and yet has no effect on this machine, in words for people, each after
  // its field's name.
  std::vector<std::string> WithoutEffect(const ResourcesPatch& asked) const;

  Task<Result<Sandbox>> SetLabels(SandboxId id, Labels labels);
  Task<Result<Sandbox>> SetIntervals(SandboxId id, IntervalsPatch patch);
  Task<Result<Sandbox>> SetNetwork(SandboxId id, NetworkPatch patch);
  // Replaces them all: for requests at once, in the environment of commands that start from then
  // on. kConflict for a paused one.
  Task<Result<Sandbox>> SetSecrets(SandboxId id, SecretMap secrets);
  enum class Visibility { kPrivate, kPublic };
  Task<Result<Sandbox>> SetVisibility(SandboxId id, Visibility visibility);

  // Somebody uses it: puts auto-stop and auto-pause off if that activity counts. Cheap; call it
  // for each use, and again and again for a long one.
  void Touch(const SandboxId& id, Activity activity);
  // To be called before a use of what is inside: a paused one is resumed first if settings say so.
  Task<Result<void>> ResumeForUse(SandboxId id);
  // A call into the sandbox failed with `error`. When the way in broke (kClosed), this gives what
  // became of the sandbox instead, for which it waits a moment: stopped (kConflict), deleted
  // (kNotFound), or ended by itself, with why (kClosed). Other errors pass.
  Task<Error> Explain(SandboxId id, Error error);
  // The path of its toolbox's socket. kConflict, with what to do, unless it is started.
  Result<std::string> ToolboxFor(const SandboxId& id) const;
  // The plain preview token of its current start.
  Result<std::string> PreviewToken(const SandboxId& id) const;

  // `callback` is called on the loop, after the row was written, for each change of state.
  Subscription Subscribe(std::function<void(const Change&)> callback);

  // --- snapshots
  // Saves the files of a sandbox under `name`; a started one is stopped for it and started again.
  Task<Result<Snapshot>> TakeSnapshot(SandboxId id, std::string name);
  Result<Snapshot> GetSnapshot(const OrgId& org, std::string_view id_or_name) const;
  // Newest first, the general ones included.
  std::vector<Snapshot> ListSnapshots(const OrgId& org) const;
  // kConflict for the built-in one. Its image goes when no sandbox uses it any more.
  Task<Result<void>> DeleteSnapshot(OrgId org, std::string id);
  // Captures the host as the built-in snapshot `host` if that has not been done, and waits.
  Task<Result<Snapshot>> EnsureHostImage(Runner::OnProgress progress = {});

  // --- warm pools
  // Oldest first.
  std::vector<WarmPool> ListWarmPools(const OrgId& org) const;
  Task<Result<WarmPool>> CreateWarmPool(OrgId org, std::string snapshot, size_t size,
                                        std::string target);
  Task<Result<WarmPool>> ResizeWarmPool(OrgId org, std::string id, size_t size);
  Task<Result<void>> DeleteWarmPool(OrgId org, std::string id);
  // Deletes the boxes that are ready and makes no more. For the end.
  Task<void> ClosePool();

  // --- events
  // To be called for each event of the runner.
  void OnBoxExited(const proto::runner::BoxExited& event);
  void OnBoxOom(const proto::runner::BoxOom& event);

  // The sandbox's sockets broke and are closed: asks the runner for new ones.
  void OnDoorBroken(const SandboxId& id);

  // Writes what is only in memory (times of activity). For the end.
  Task<Result<void>> Flush();

  class Impl;

 private:
  explicit Sandboxes(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

extern const store::Migrations kMigrations;

}  // namespace cove::control
