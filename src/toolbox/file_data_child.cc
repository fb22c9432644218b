// Contents of files: out, in, and replaced in place.
#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>
#include <memory>

#include "base/text.h"
#include "toolbox/file_worker.h"

namespace cove::toolbox::internal {
namespace {

constexpr size_t kChunk = 64 * 1024;
constexpr off_t kReplaceBytesMax = 64 * 1024 * 1024;

// What is no regular file is not opened at all: no FIFO's other end is waited for.
Result<UniqueFd> OpenRegular(const UniqueFd& there, const std::string& path, struct stat* info) {
  if (!there || fstat(there.get(), info) != 0) return PathError(path);
  if (S_ISDIR(info->st_mode)) return Error::FromErrno(path, EISDIR);
  if (!S_ISREG(info->st_mode)) return Error(Code::kInvalid, path + " is not a regular file");
  UniqueFd fd(open(NameOf(there).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return PathError(path);
  return fd;
}

Result<std::string> ReadWhole(const Place& place, const std::string& path) {
  struct stat info{};
  const UniqueFd there(OpenFrom(place.folder.get(), place.name, O_PATH | O_NOFOLLOW));
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenRegular(there, path, &info));
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
  ASSIGN_OR_RETURN(Place place, FindPlace(path, LastLink::kFollow));
  ASSIGN_OR_RETURN(std::string text, ReadWhole(place, path));
  std::string out;
  size_t at = 0;
  for (size_t hit; (hit = text.find(from, at)) != std::string::npos; at = hit + from.size()) {
    out.append(text, at, hit - at);
    out += to;
  }
  if (at == 0) return Ok();
  out.append(text, at);
  ASSIGN_OR_RETURN(StagedFile file, StagedFile::Open(std::move(place), path, 0644));
  RETURN_IF_ERROR(file.Write(out));
  return file.Commit();
}

}  // namespace

Outcome SendFile(HostLink& host, const proto::toolbox::FileRead& request) {
  struct stat info{};
  const UniqueFd there(OpenFrom(AT_FDCWD, request.path, O_PATH));
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenRegular(there, request.path, &info));
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

Result<StagedFile> StagedFile::Open(Place place, const std::string& path, uint32_t mode) {
  StagedFile file;
  file.shown_ = path;
  file.place_ = std::move(place);
  const int folder = file.place_.folder.get();
  const UniqueFd old(OpenFrom(folder, file.place_.name, O_PATH | O_NOFOLLOW));
  if (!old && errno != ENOENT) return PathError(path);
  if (old) {
    struct stat info{};
    if (fstat(old.get(), &info) != 0) return PathError(path);
    if (S_ISDIR(info.st_mode)) return Error::FromErrno(path, EISDIR);
    if (!S_ISREG(info.st_mode)) return Error(Code::kInvalid, path + " is not a regular file");
    // The rename would replace what the user may not write.
    if (faccessat(old.get(), "", W_OK, AT_EACCESS | AT_EMPTY_PATH) != 0) return PathError(path);
    mode = info.st_mode;
  }
  std::string name = ".cove-" + RandomHex(8);
  file.fd_.Reset(
      openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.fd_) return Error::FromErrno("cannot write " + path);
  file.temporary_ = std::move(name);
  if (fchmod(file.fd_.get(), mode & 07777) != 0) return Error::FromErrno(path);
  return file;
}

StagedFile::~StagedFile() {
  if (fd_ && !temporary_.empty()) unlinkat(place_.folder.get(), temporary_.c_str(), 0);
}

Result<void> StagedFile::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::FromErrno("cannot write " + shown_);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return Ok();
}

Result<void> StagedFile::Commit() {
  const int folder = place_.folder.get();
  if (renameat(folder, temporary_.c_str(), folder, place_.name.c_str()) != 0) {
    return Error::FromErrno("cannot write " + shown_);
  }
  temporary_.clear();
  return Ok();
}

Outcome ReceiveFile(HostLink& host, const proto::toolbox::FileWrite& request) {
  ASSIGN_OR_RETURN(Place place, FindPlace(request.path, LastLink::kFollow, Parents::kMake));
  ASSIGN_OR_RETURN(StagedFile file, StagedFile::Open(std::move(place), request.path, request.mode));
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

Outcome ReplaceText(HostLink& host, const proto::toolbox::FileReplace& request,
                    const std::string& home) {
  if (request.pattern.empty()) return Error(Code::kInvalid, "the text to replace is empty");
  proto::toolbox::Matches matches;
  for (const std::string& path : request.files) {
    const auto full = Absolute(path, home);
    const auto done =
        full ? ReplaceIn(*full, request.pattern, request.new_value) : Result<void>(full.error());
    matches.matches.push_back({path, 0, done ? std::string() : done.error().message()});
  }
  if (host.Send(Type::kMatches, matches)) host.Send(Type::kOk, proto::toolbox::Empty{});
  return Ok();
}

}  // namespace cove::toolbox::internal
