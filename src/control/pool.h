// Pool: boxes that the runner has made ahead, with their toolbox answering, for creates to claim.
//
// Concept: a pooled box is an ordinary box whose id is that of the sandbox it may become; nothing
// in it depends on whose that will be. It has no row, so a front that starts anew removes it like
// any box without one, and none is ever given twice. It may be claimed by a create whose BoxCreate
// is equal but for id and host name, and its sockets are opened to the gateway only then.
//
// Boxes are made one at a time, when no request has been seen for a moment (NoteRequest) and
// `may_grow` agrees; a failure is tried again later. Deleting goes on until it succeeds.
// Thread: loop-confined. The deps must outlive it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>

#include "async/task_group.h"
#include "control/ports.h"

namespace cove::control {

class Pool {
 public:
  struct Deps {
    Runner* runner = nullptr;
    Toolbox* toolbox = nullptr;
    Duration start_deadline = seconds(60);
    // Whether the machine has room for one more of these besides what the pool holds.
    std::function<bool(const proto::runner::BoxCreate&)> may_grow;
    // A pooled box of this image has been deleted.
    std::function<void(const ImageId&)> on_deleted;
  };
  // Boxes as `model` says (its id and host name are of no meaning) are to be ready in this number.
  struct Want {
    proto::runner::BoxCreate model;
    size_t size = 0;
  };
  explicit Pool(Deps deps) : deps_(std::move(deps)) {}

  // Starts to make boxes.
  void Run() { tasks_.Spawn(Refill()); }
  // What is wanted from now on; wants for equal models add up. Boxes beyond it are deleted.
  void SetWants(const std::vector<Want>& wants);
  // A box for that request, which is the caller's from now on; its info.id is its id.
  std::optional<proto::RunningBox> Take(const proto::runner::BoxCreate& request);
  // A request needs the machine: the pool keeps still for a moment.
  void NoteRequest();
  // Deletes one box, if there is one, to make room.
  bool DropOne();
  // The runner says that a box has ended.
  void OnExited(const SandboxId& id);
  // Deletes all and makes no more. Returns when they are gone.
  Task<void> Close();

  // The boxes that are ready or being made.
  std::vector<proto::runner::BoxCreate> Held() const;
  size_t Ready(const proto::runner::BoxCreate& model) const;
  // Why the last one could not be made; empty once one could.
  const std::string& error() const { return error_; }

 private:
  struct Shelf {
    proto::runner::BoxCreate model;
    size_t wanted = 0;
    std::deque<proto::RunningBox> boxes;
  };
  static std::string KeyOf(proto::runner::BoxCreate request);
  Task<void> Refill();
  Task<Result<void>> MakeOne(proto::runner::BoxCreate request);
  const Shelf* NextToFill(bool* lacking) const;
  void Drop(Shelf& shelf);
  Task<void> Delete(SandboxId id, ImageId image);

  Deps deps_;
  std::map<std::string, Shelf> shelves_;  // by KeyOf
  std::optional<proto::runner::BoxCreate> making_;
  TimePoint quiet_until_;
  std::string error_;
  bool closed_ = false;
  async::Event changed_;
  async::TaskGroup tasks_;  // last: its tasks use all the others
};

}  // namespace cove::control
