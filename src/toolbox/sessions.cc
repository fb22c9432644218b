#include "toolbox/sessions.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cstring>

namespace cove::toolbox {
namespace {

constexpr size_t kIdBytesMax = 256;

// A folder of ours; a link in its place is an error.
Result<UniqueFd> MakeFolder(int parent, const std::string& name, mode_t mode) {
  if (mkdirat(parent, name.c_str(), mode) != 0 && errno != EEXIST) {
    return Error::FromErrno("cannot make " + name);
  }
  UniqueFd folder(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder || fchmod(folder.get(), mode) != 0) return Error::FromErrno("cannot use " + name);
  return folder;
}

// What to do, for who has no shell in the sandbox but this one.
Error NoFolder(const Error& error) {
  if (error.code() != Code::kExhausted) return error;
  return {Code::kExhausted,
          "a session needs room on the sandbox's disk, which is full (" + error.message() +
              "): delete files by process/execute, which needs none, or by the files API, or "
              "resize the disk, then create the session again"};
}

// Removes what is in a folder of ours, two levels deep; foreign things do not occur there.
void Empty(const UniqueFd& folder) {
  UniqueFd own(openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> list(own ? fdopendir(own.get()) : nullptr, closedir);
  if (!list) return;
  (void)own.Release();
  while (const dirent* entry = readdir(list.get())) {
    const char* name = entry->d_name;
    if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) continue;
    if (unlinkat(folder.get(), name, 0) == 0 || errno != EISDIR) continue;
    Empty(UniqueFd(openat(folder.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)));
    unlinkat(folder.get(), name, AT_REMOVEDIR);
  }
}

}  // namespace

// The one time that the state folder is looked up by its path: nothing of the sandbox runs yet.
Result<void> Sessions::Prepare() {
  // 0711: users reach the FIFOs whose names they are given, and can list nothing.
  ASSIGN_OR_RETURN(const UniqueFd state, MakeFolder(AT_FDCWD, state_, 0711));
  ASSIGN_OR_RETURN(folders_, MakeFolder(state.get(), "sessions", 0711));
  Empty(folders_);
  ASSIGN_OR_RETURN(logs_, MakeFolder(state.get(), "logs", 0700));
  Empty(logs_);
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
  SessionFiles files{folders_.get(), logs_.get(), std::to_string(next_number_++), {}, {}};
  files.path = state_ + "/sessions/" + files.name;
  auto folder = MakeFolder(folders_.get(), files.name, 0711);
  if (!folder) co_return NoFolder(folder.error());
  files.folder = *std::move(folder);
  auto session = std::make_shared<Session>(shared_, id, std::move(files));
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
  if (command->ended_with_all()) co_return EndedWithSandbox();
  co_return co_await channel.SendMessage(Type::kLogEnd, command->info());
}

}  // namespace cove::toolbox
