#include "toolbox/sessions.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cstring>

namespace cove::toolbox {
namespace {

constexpr size_t kIdBytesMax = 256;

// Removes what is in a folder of ours, two levels deep; foreign things do not occur there.
void Empty(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(path.c_str()), closedir);
  if (!folder) return;
  while (const dirent* entry = readdir(folder.get())) {
    if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
    const std::string inner = path + "/" + entry->d_name;
    if (unlink(inner.c_str()) == 0 || errno != EISDIR) continue;
    Empty(inner);
    rmdir(inner.c_str());
  }
}

Result<void> MakeFolder(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    return Error::FromErrno("cannot make " + path);
  }
  if (chmod(path.c_str(), mode) != 0) return Error::FromErrno("cannot use " + path);
  return Ok();
}

}  // namespace

Result<void> Sessions::Prepare() {
  // 0711: users reach the FIFOs whose names they are given, and can list nothing.
  RETURN_IF_ERROR(MakeFolder(state_, 0711));
  RETURN_IF_ERROR(MakeFolder(state_ + "/sessions", 0711));
  Empty(state_ + "/sessions");
  RETURN_IF_ERROR(MakeFolder(state_ + "/logs", 0700));
  Empty(state_ + "/logs");
  return Ok();
}

Task<Result<void>> Sessions::Create(std::string id) {
  if (id.empty() || id.size() > kIdBytesMax || id.find('\0') != std::string::npos) {
    co_return Error(Code::kInvalid, "a session id has 1 to 256 bytes");
  }
  if (sessions_.contains(id)) {
    co_return Error(Code::kConflict, "session " + id + " exists already");
  }
  if (count_ >= kSessionsMax) {
    co_return Error(Code::kExhausted, "a sandbox has " + std::to_string(kSessionsMax) +
                                          " sessions at most: delete one first");
  }
  const std::string number = std::to_string(next_number_++);
  const std::string folder = state_ + "/sessions/" + number;
  CO_RETURN_IF_ERROR(MakeFolder(folder, 0711));
  auto session = std::make_shared<Session>(shared_, id, folder, state_ + "/logs/" + number + "-");
  // The place is taken while the shell starts, and given back if it does not or we are cancelled.
  struct Place {
    Sessions* all;
    std::string id;
    bool kept = false;
    ~Place() {
      if (kept) return;
      all->sessions_.erase(id);
      --all->count_;
    }
  } place{this, id};
  ++count_;
  sessions_[id] = nullptr;
  CO_RETURN_IF_ERROR(co_await session->Start());
  sessions_[id] = std::move(session);
  place.kept = true;
  co_return Ok();
}

Result<std::shared_ptr<Session>> Sessions::Find(const std::string& id) const {
  const auto it = sessions_.find(id);
  if (it == sessions_.end() || it->second == nullptr) {
    return Error(Code::kNotFound, "there is no session " + id);
  }
  return it->second;
}

proto::toolbox::SessionList Sessions::List() const {
  proto::toolbox::SessionList list;
  for (const auto& [id, session] : sessions_) {
    if (session != nullptr) list.sessions.push_back(session->Info());
  }
  return list;
}

Task<void> Sessions::Remove(std::shared_ptr<Session> session, std::shared_ptr<async::Event> done) {
  co_await session->Terminate();
  session.reset();
  --count_;
  done->Set();
}

Task<Result<void>> Sessions::Delete(std::string id) {
  CO_ASSIGN_OR_RETURN(std::shared_ptr<Session> session, Find(id));
  sessions_.erase(id);
  auto done = std::make_shared<async::Event>();
  tasks_.Spawn(Remove(std::move(session), done));
  co_await done->Wait();
  co_return Ok();
}

Task<Result<void>> StreamLog(SharedChannel& channel, std::shared_ptr<Command> command,
                             bool follow) {
  LogReader reader(command->log());
  CommandLog& log = *command->log();
  for (;;) {
    while (!reader.AtEnd()) {
      CO_ASSIGN_OR_RETURN(const LogReader::Record record, reader.Next());
      const Type type = record.stream == LogStreamId::kStderr ? Type::kStderr : Type::kStdout;
      CO_RETURN_IF_ERROR(co_await channel.SendBytes(type, record.bytes));
      co_await async::Yield();
    }
    if (!follow || log.complete()) break;
    co_await log.changed().Wait();
  }
  co_return co_await channel.SendMessage(Type::kLogEnd, command->info());
}

}  // namespace cove::toolbox
