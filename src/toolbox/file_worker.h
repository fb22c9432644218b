// The file worker: a child of the toolbox that does one file operation with the identity of the
// user, so that every permission check is the kernel's, and speaks to the host itself over the
// connection that brought the request. The toolbox's loop never touches a user's file.
//
// Code of the worker (file_*_child.cc) runs after fork without exec. The toolbox has one thread, so
// allocating is safe there; it must not use the loop. See docs/decisions/0032-file-workers.md.
#pragma once

#include <span>
#include <string>

#include "toolbox/confinement.h"
#include "toolbox/operations.h"
#include "toolbox/paths.h"

namespace cove::toolbox {

struct FileJob {
  Type type = Type::kError;
  std::string body;
  Account account;
  int connection = -1;
};

// In the child. Does not return.
[[noreturn]] void RunFileWorker(const Confinement& confinement, const FileJob& job);

bool IsFileOperation(Type type);

namespace internal {

// Blocking frames over the connection.
class HostLink {
 public:
  explicit HostLink(int fd) : fd_(fd) {}
  // False: the host is gone.
  bool Send(Type type, std::span<const char> body);
  template <class Message>
  bool Send(Type type, const Message& message) {
    return Send(type, std::span<const char>(proto::Encode(message)));
  }
  // False: the host is gone, or does not keep to the protocol. `body` is reused.
  bool Receive(Type* type, std::string* body);

 private:
  int fd_;
};

// Each gives the error to be sent, or sends its replies itself, the last one included.
using Outcome = Result<void>;
Outcome ListFolder(HostLink& host, const std::string& path, uint32_t depth);
Outcome StatFile(HostLink& host, const std::string& path);
Outcome MakeFolders(HostLink& host, const std::string& path, uint32_t mode);
Outcome DeletePath(HostLink& host, const proto::toolbox::FileDelete& request);
// `filter`: of the sandbox, for a program that the move may have to start.
Outcome MovePath(HostLink& host, const proto::toolbox::FileMove& request,
                 const std::vector<sock_filter>& filter);
Outcome SetMode(HostLink& host, const proto::toolbox::FileSetMode& request);
Outcome SendFile(HostLink& host, const proto::toolbox::FileRead& request);
Outcome ReceiveFile(HostLink& host, const proto::toolbox::FileWrite& request);
Outcome FindText(HostLink& host, const proto::toolbox::FileFind& request);
Outcome SearchNames(HostLink& host, const proto::toolbox::FileFind& request);
// Relative names start at `home`.
Outcome ReplaceText(HostLink& host, const proto::toolbox::FileReplace& request,
                    const std::string& home);

proto::toolbox::FileInfo InfoOf(const std::string& path, const struct stat& info);

// A file that appears under its name as a whole or not at all: written beside it, then renamed.
// An existing file keeps its mode. `path` is what errors say.
class StagedFile {
 public:
  static Result<StagedFile> Open(Place place, const std::string& path, uint32_t mode);
  StagedFile(StagedFile&& other) noexcept = default;
  StagedFile& operator=(StagedFile&&) = delete;
  ~StagedFile();
  Result<void> Write(std::string_view bytes);
  Result<void> Commit();

 private:
  StagedFile() = default;
  std::string shown_;
  Place place_;
  std::string temporary_;  // in place_.folder; empty: nothing to remove
  UniqueFd fd_;
};

}  // namespace internal
}  // namespace cove::toolbox
