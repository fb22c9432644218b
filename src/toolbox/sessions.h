// Sessions: all sessions of the sandbox by id, and the operations of the protocol on them.
// Thread: loop-confined.
#pragma once

#include "toolbox/session.h"

namespace cove::toolbox {

class Sessions {
 public:
  static constexpr size_t kSessionsMax = 128;

  // `state`: the toolbox's own folder; emptied of what an earlier life left.
  Sessions(Shared& shared, std::string state) : shared_(shared), state_(std::move(state)) {}
  Result<void> Prepare();

  Task<Result<void>> Create(std::string id);
  // Goes on when its caller is cancelled. A session that is being deleted is not found any more.
  Task<Result<void>> Delete(std::string id);
  Result<std::shared_ptr<Session>> Find(const std::string& id) const;
  proto::toolbox::SessionList List() const;

 private:
  Task<void> Remove(std::shared_ptr<Session> session, std::shared_ptr<async::Event> done);

  Shared& shared_;
  std::string state_;
  UniqueFd folders_;  // of the sessions, and of the logs
  UniqueFd logs_;
  uint64_t next_number_ = 1;
  size_t count_ = 0;  // with those that are starting or ending
  std::map<std::string, std::shared_ptr<Session>> sessions_;  // null: it is starting
  async::TaskGroup tasks_;
};

// kCommandLogs: sends the log and kLogEnd.
Task<Result<void>> StreamLog(SharedChannel& channel, std::shared_ptr<Command> command, bool follow);

}  // namespace cove::toolbox
