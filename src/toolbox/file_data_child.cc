// Contents of files: out, in, and replaced in place.
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/text.h"
#include "toolbox/file_worker.h"

namespace cove::toolbox::internal {
namespace {

constexpr size_t kChunk = 64 * 1024;
constexpr off_t kReplaceBytesMax = 64 * 1024 * 1024;

// Opens a regular file; never waits for the other end of a FIFO.
Result<UniqueFd> OpenRegular(const std::string& path, struct stat* info) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) return Error::FromErrno(path);
  if (fstat(fd.get(), info) != 0) return Error::FromErrno(path);
  if (S_ISDIR(info->st_mode)) return Error::FromErrno(path, EISDIR);
  if (!S_ISREG(info->st_mode)) return Error(Code::kInvalid, path + " is not a regular file");
  return fd;
}

Result<std::string> ReadWhole(const std::string& path) {
  struct stat info{};
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenRegular(path, &info));
  if (info.st_size > kReplaceBytesMax) {
    return Error(Code::kTooLarge, path + " is over 64 MiB");
  }
  std::string text;
  auto chunk = std::make_unique<char[]>(kChunk);
  for (;;) {
    const ssize_t n = read(fd.get(), chunk.get(), kChunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::FromErrno(path);
    if (n == 0) return text;
    text.append(chunk.get(), static_cast<size_t>(n));
    if (text.size() > static_cast<size_t>(kReplaceBytesMax)) {
      return Error(Code::kTooLarge, path + " is over 64 MiB");
    }
  }
}

Result<void> ReplaceIn(const std::string& path, const std::string& from, const std::string& to) {
  ASSIGN_OR_RETURN(std::string text, ReadWhole(path));
  std::string out;
  size_t at = 0;
  for (size_t hit; (hit = text.find(from, at)) != std::string::npos; at = hit + from.size()) {
    out.append(text, at, hit - at);
    out += to;
  }
  if (at == 0) return Ok();
  out.append(text, at);
  ASSIGN_OR_RETURN(StagedFile file, StagedFile::Open(path, 0644));
  RETURN_IF_ERROR(file.Write(out));
  return file.Commit();
}

}  // namespace

Outcome SendFile(HostLink& host, const proto::toolbox::FileRead& request) {
  struct stat info{};
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenRegular(request.path, &info));
  if (request.offset != 0 && lseek(fd.get(), static_cast<off_t>(request.offset), SEEK_SET) < 0) {
    return Error::FromErrno(request.path);
  }
  proto::toolbox::FileInfos infos;
  infos.files.push_back(InfoOf(request.path, info));
  if (!host.Send(Type::kFiles, infos)) return Ok();
  auto chunk = std::make_unique<char[]>(kChunk);
  for (;;) {
    const ssize_t n = read(fd.get(), chunk.get(), kChunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::FromErrno("reading " + request.path);
    if (n == 0) break;
    const auto size = static_cast<size_t>(n);
    if (!host.Send(Type::kData, std::span<const char>(chunk.get(), size))) return Ok();
  }
  host.Send(Type::kDataEnd, proto::toolbox::Empty{});
  return Ok();
}

Result<StagedFile> StagedFile::Open(const std::string& path, uint32_t mode) {
  StagedFile file;
  file.path_ = path;
  struct stat info{};
  if (stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return Error::FromErrno(path, EISDIR);
    if (!S_ISREG(info.st_mode)) return Error(Code::kInvalid, path + " is not a regular file");
    // The rename would replace what the user may not write.
    if (faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0) return Error::FromErrno(path);
    mode = info.st_mode;
    char resolved[PATH_MAX];
    if (realpath(path.c_str(), resolved) != nullptr) file.path_ = resolved;
  } else {
    RETURN_IF_ERROR(MakeParents(ParentOf(path)));
  }
  const std::string name = JoinPath(ParentOf(file.path_), ".cove-" + RandomHex(8));
  file.fd_.Reset(open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.fd_) return Error::FromErrno("cannot write " + path);
  file.temporary_ = name;
  if (fchmod(file.fd_.get(), mode & 07777) != 0) return Error::FromErrno(path);
  return file;
}

StagedFile::~StagedFile() {
  if (fd_ && !temporary_.empty()) unlink(temporary_.c_str());
}

Result<void> StagedFile::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::FromErrno("cannot write " + path_);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return Ok();
}

Result<void> StagedFile::Commit() {
  if (rename(temporary_.c_str(), path_.c_str()) != 0) {
    return Error::FromErrno("cannot write " + path_);
  }
  temporary_.clear();
  return Ok();
}

Outcome ReceiveFile(HostLink& host, const proto::toolbox::FileWrite& request) {
  ASSIGN_OR_RETURN(StagedFile file, StagedFile::Open(request.path, request.mode));
  std::string body;
  for (;;) {
    Type type{};
    if (!host.Receive(&type, &body)) return Ok();  // the host gave up: nothing appears
    if (type == Type::kDataEnd) break;
    if (type != Type::kData) return Error(Code::kInvalid, "unexpected frame in an upload");
    RETURN_IF_ERROR(file.Write(body));
  }
  RETURN_IF_ERROR(file.Commit());
  host.Send(Type::kOk, proto::toolbox::Empty{});
  return Ok();
}

Outcome ReplaceText(HostLink& host, const proto::toolbox::FileReplace& request) {
  if (request.pattern.empty()) return Error(Code::kInvalid, "the text to replace is empty");
  proto::toolbox::Matches matches;
  for (const std::string& path : request.files) {
    auto done = path.empty() ? Error(Code::kInvalid, "a path is empty")
                             : ReplaceIn(path, request.pattern, request.new_value);
    matches.matches.push_back({path, 0, done ? std::string() : done.error().message()});
  }
  if (host.Send(Type::kMatches, matches)) host.Send(Type::kOk, proto::toolbox::Empty{});
  return Ok();
}

}  // namespace cove::toolbox::internal
