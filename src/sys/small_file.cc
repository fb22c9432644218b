#include "sys/small_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "base/text.h"

namespace cove::sys {

Result<UniqueFd> Open(const std::string& path, int flags, unsigned mode) {
  int fd;
  do {
    fd = open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return Error::FromErrno("cannot open " + path);
  return UniqueFd(fd);
}

Result<std::string> ReadFile(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd fd, Open(path, O_RDONLY));
  return ReadOpenFile(fd.get(), path);
}

Result<std::string> ReadOpenFile(int fd, const std::string& name) {
  std::string out;
  char buffer[8192];
  while (true) {
    const ssize_t n = pread(fd, buffer, sizeof buffer, static_cast<off_t>(out.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::FromErrno("cannot read " + name);
    if (n == 0) return out;
    out.append(buffer, static_cast<size_t>(n));
  }
}

Result<uint64_t> ReadNumber(const std::string& path) {
  const auto text = ReadFile(path);
  if (!text && text.error().code() == Code::kNotFound) return 0;
  if (!text) return text.error();
  return ParseInt<uint64_t>(Trim(*text)).value_or(0);
}

uint64_t CounterIn(std::string_view text, std::string_view name) {
  for (const std::string_view line : Split(text, '\n')) {
    if (!line.starts_with(name) || line.size() == name.size()) continue;
    const char next = line[name.size()];
    if (next != ' ' && next != '\t') continue;
    const std::string_view value = Trim(line.substr(name.size()));
    const uint64_t number = ParseInt<uint64_t>(value.substr(0, value.find(' '))).value_or(0);
    return value.ends_with(" kB") ? number * 1024 : number;
  }
  return 0;
}

Result<void> WriteFile(const std::string& path, std::string_view text) {
  ASSIGN_OR_RETURN(const UniqueFd fd, Open(path, O_WRONLY));
  ssize_t n;
  do {
    n = write(fd.get(), text.data(), text.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0) return Error::FromErrno("cannot write \"" + std::string(text) + "\" to " + path);
  return Ok();
}

Result<void> WriteFileIfThere(const std::string& path, std::string_view text) {
  if (access(path.c_str(), F_OK) != 0) return Ok();
  return WriteFile(path, text);
}

Result<void> MakeDir(const std::string& path, unsigned mode) {
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    return Error::FromErrno("cannot make the directory " + path);
  }
  return Ok();
}

namespace {

constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

Result<void> Seal(int fd, mode_t mode) {
  if (fchmod(fd, mode) != 0) return Error::FromErrno("fchmod of a memory file");
  if (fcntl(fd, F_ADD_SEALS, kSeals) != 0) return Error::FromErrno("cannot seal a memory file");
  return Ok();
}

}  // namespace

Result<UniqueFd> SealedExecutable(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd source, Open(path, O_RDONLY));
  struct stat info{};
  if (fstat(source.get(), &info) != 0) return Error::FromErrno("cannot stat " + path);
  UniqueFd copy(memfd_create("cove-toolbox", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!copy) return Error::FromErrno("memfd_create");
  off_t done = 0;
  while (done < info.st_size) {
    const ssize_t n =
        sendfile(copy.get(), source.get(), &done, static_cast<size_t>(info.st_size - done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::FromErrno("cannot copy " + path + " into memory");
    if (n == 0) return Error(Code::kIo, path + " became shorter while it was read");
  }
  RETURN_IF_ERROR(Seal(copy.get(), 0511));
  // A file that is open for writing cannot be executed (ETXTBSY), sealed or not.
  return Reopen(copy.get());
}

Result<UniqueFd> SealedBytes(const std::string& name, std::string_view bytes) {
  UniqueFd fd(memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return Error::FromErrno("memfd_create");
  const ssize_t n = write(fd.get(), bytes.data(), bytes.size());
  if (n != static_cast<ssize_t>(bytes.size())) return Error::FromErrno("write to a memory file");
  RETURN_IF_ERROR(Seal(fd.get(), 0400));
  return fd;
}

Result<UniqueFd> Reopen(int fd) { return Open("/proc/self/fd/" + std::to_string(fd), O_RDONLY); }

}  // namespace cove::sys
