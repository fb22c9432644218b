#include "front/journal_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/text.h"

namespace cove::front {
namespace {

constexpr std::string_view kMemory = "/dev/shm/cove-calls-";
constexpr size_t kIdBytes = 16;

bool IsId(std::string_view text) {
  return text.size() == 2 * kIdBytes &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

enum class Id { kFormer, kNew };

// What names this data directory and no other, whatever had its place on the disk before.
Result<std::string> IdOf(const std::string& dir, Id which) {
  const std::string path = dir + "/calls.id";
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return Error::FromErrno("open " + path);
  std::array<char, 2 * kIdBytes> known{};
  const ssize_t have = ::pread(file.get(), known.data(), known.size(), 0);
  if (which == Id::kFormer && have > 0 && IsId({known.data(), static_cast<size_t>(have)})) {
    return std::string(known.data(), known.size());
  }
  std::string id = RandomHex(kIdBytes);
  if (::pwrite(file.get(), id.data(), id.size(), 0) != static_cast<ssize_t>(id.size())) {
    return Error::FromErrno("write " + path);
  }
  return id;
}

// An invalid one: another process has the folder, or has just removed it.
Result<UniqueFd> Take(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error::FromErrno("make " + path);
  }
  UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!folder) return Error::FromErrno("open " + path);
  struct stat info{};
  if (::fstat(folder.get(), &info) != 0) return Error::FromErrno("stat " + path);
  if (info.st_uid != ::geteuid() || (info.st_mode & 077) != 0) {
    return Error(Code::kDenied, path + " is there and is not a folder of this user's alone");
  }
  if (::flock(folder.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return UniqueFd();
    return Error::FromErrno("lock " + path);
  }
  if (::fstat(folder.get(), &info) != 0) return Error::FromErrno("stat " + path);
  if (info.st_nlink == 0) return UniqueFd();
  return folder;
}

}  // namespace

JournalFolder::~JournalFolder() {
  if (!path_.empty()) (void)::rmdir(path_.c_str());
}

Result<void> JournalFolder::Open(const std::string& dir) {
  for (const Id which : {Id::kFormer, Id::kNew}) {
    ASSIGN_OR_RETURN(const std::string id, IdOf(dir, which));
    const std::string path = std::string(kMemory) + id;
    ASSIGN_OR_RETURN(lock_, Take(path));
    if (!lock_) continue;
    path_ = path;
    return Ok();
  }
  return Error(Code::kConflict, "the folder of journals of " + dir + " is another process's");
}

}  // namespace cove::front
