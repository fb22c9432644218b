#include "control/impl.h"

namespace cove::control {
namespace {

// The runner tells of a box's end when its last process is gone, a moment after its sockets broke.
constexpr seconds kNewsDeadline{2};

}  // namespace

// It may be started again by now: a snapshot takes a few milliseconds.
bool Sandboxes::Impl::WasSaved(const Entry& entry) {
  return entry.sandbox.state == State::kSnapshotting ||
         Now() - entry.stopped_to_save < kNewsDeadline;
}

Task<Error> Sandboxes::Impl::Explain(SandboxId id, Error error) {
  if (error.code() != Code::kClosed) co_return error;
  async::Event changed;
  const Subscription subscription = Subscribe([&changed, id](const control::Change& change) {
    if (change.sandbox.id == id) changed.Set();
  });
  auto entry = Look(id);
  if (entry.ok() && (*entry)->sandbox.state == State::kStarted && !WasSaved(**entry)) {
    co_await changed.Wait(Now() + kNewsDeadline);
    entry = Look(id);
  }
  if (!entry.ok() || (*entry)->sandbox.desired == Desired::kDestroyed) {
    co_return Error(Code::kNotFound, "the sandbox was deleted while this was under way");
  }
  const Sandbox& now = (*entry)->sandbox;
  if (now.state == State::kError) {
    co_return Error(Code::kClosed, "the sandbox ended while this was under way (" +
                                       now.error_reason + "): start it and try again");
  }
  if (now.desired == Desired::kStopped) {
    std::string text = "the sandbox was stopped while this was under way";
    if (!now.error_reason.empty()) text += " (" + now.error_reason + ")";
    co_return Error(Code::kConflict, text + ": start it and try again");
  }
  if (WasSaved(**entry)) {
    co_return Error(Code::kConflict,
                    "the sandbox was stopped for a snapshot while this was under way: try again");
  }
  co_return error;
}

}  // namespace cove::control
