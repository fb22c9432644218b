#include "front/journal_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/text.h"
#include "base/unique_fd.h"

namespace cove::front {
namespace {

constexpr std::string_view kMemory = "/dev/shm/cove-calls-";
constexpr size_t kIdBytes = 16;

bool IsId(std::string_view text) {
  return text.size() == 2 * kIdBytes &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// What names this data directory and no other, whatever had its place on the disk before.
Result<std::string> IdOf(const std::string& dir) {
  const std::string path = dir + "/calls.id";
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return Error::FromErrno("open " + path);
  std::array<char, 2 * kIdBytes> known{};
  const ssize_t have = ::pread(file.get(), known.data(), known.size(), 0);
  if (have > 0 && IsId({known.data(), static_cast<size_t>(have)})) {
    return std::string(known.data(), known.size());
  }
  std::string id = RandomHex(kIdBytes);
  if (::pwrite(file.get(), id.data(), id.size(), 0) != static_cast<ssize_t>(id.size())) {
    return Error::FromErrno("write " + path);
  }
  return id;
}

}  // namespace

JournalFolder::~JournalFolder() {
  if (!path_.empty()) (void)::rmdir(path_.c_str());
}

Result<void> JournalFolder::Open(const std::string& dir) {
  ASSIGN_OR_RETURN(const std::string id, IdOf(dir));
  const std::string path = std::string(kMemory) + id;
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error::FromErrno("make " + path);
  }
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return Error::FromErrno("stat " + path);
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 077) != 0) {
    return Error(Code::kDenied, path + " is there and is not a folder of this user's alone");
  }
  path_ = path;
  return Ok();
}

}  // namespace cove::front
