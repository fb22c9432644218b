#include "store/journal.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace cove::store {
namespace {

static_assert(std::endian::native == std::endian::little);

struct Head {
  uint64_t generation = 0;  // 0: no record
  uint64_t length = 0;      // of no record: the generation of the next one
  uint64_t checksum = 0;
};
static_assert(sizeof(Head) == 24);

// Against torn and damaged records, not against people.
uint64_t Checksum(std::string_view bytes) {
  constexpr uint64_t kMix = 0x9e3779b97f4a7c15;
  uint64_t sum = bytes.size() + kMix;
  while (!bytes.empty()) {
    uint64_t word = 0;
    const size_t n = std::min(bytes.size(), sizeof word);
    std::memcpy(&word, bytes.data(), n);
    sum = (sum ^ word) * kMix;
    sum ^= sum >> 29;
    bytes.remove_prefix(n);
  }
  return sum;
}

uint64_t NewGeneration() {
  uint64_t out = 0;
  while (::getrandom(&out, sizeof out, 0) != sizeof out || out == 0) {
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::Open(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return Error::FromErrno("open " + path);
  std::unique_ptr<Journal> journal(new Journal(std::move(file), path));
  RETURN_IF_ERROR(journal->ReadFormer());
  return journal;
}

Journal::~Journal() {
  if (empty()) (void)::unlink(path_.c_str());
}

Result<void> Journal::ReadFormer() {
  struct stat info{};
  if (::fstat(file_.get(), &info) != 0) return Error::FromErrno("stat " + path_);
  const bool ours = S_ISREG(info.st_mode) && info.st_uid == ::geteuid() && info.st_nlink == 1 &&
                    (info.st_mode & 077) == 0;
  if (!ours) {
    return Error(Code::kDenied, path_ + " is there and is not a file of this user's alone");
  }
  std::string all(std::min<uint64_t>(static_cast<uint64_t>(info.st_size), kBytesMax), '\0');
  size_t have = 0;
  while (have < all.size()) {
    const ssize_t n =
        ::pread(file_.get(), all.data() + have, all.size() - have, static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::FromErrno("read " + path_);
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  std::string_view rest(all.data(), have);
  Head head;
  for (bool first = true; rest.size() >= sizeof head; first = false) {
    std::memcpy(&head, rest.data(), sizeof head);
    if (first) generation_ = head.generation == 0 ? head.length : head.generation;
    const bool mine = head.generation != 0 && head.generation == generation_;
    if (!mine || head.length > rest.size() - sizeof head) break;
    const std::string_view record = rest.substr(sizeof head, head.length);
    if (Checksum(record) != head.checksum) break;
    former_.emplace_back(record);
    rest.remove_prefix(sizeof head + record.size());
  }
  size_ = have - rest.size();
  if (generation_ == 0) generation_ = NewGeneration();
  return Ok();
}

Result<void> Journal::WriteAt(std::string_view bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == ENOSPC || errno == EDQUOT)) {
      return Error(Code::kExhausted, "the disk of " + path_ + " is full: free space there");
    }
    if (n < 0) return Error::FromErrno("write " + path_);
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return Ok();
}

// A record that was written in part is overwritten by the next, or read as the end.
Result<void> Journal::Append(std::string_view record) {
  const Head head{generation_, record.size(), Checksum(record)};
  if (size_ + sizeof head + record.size() > kBytesMax) {
    return Error(Code::kExhausted, path_ + " is full: the database does not keep up with it");
  }
  out_.assign(reinterpret_cast<const char*>(&head), sizeof head);
  out_ += record;
  RETURN_IF_ERROR(WriteAt(out_, size_));
  size_ += out_.size();
  return Ok();
}

Result<void> Journal::Clear() {
  former_.clear();
  if (size_ == 0) return Ok();
  const Head none{0, NewGeneration(), 0};
  RETURN_IF_ERROR(WriteAt({reinterpret_cast<const char*>(&none), sizeof none}, 0));
  generation_ = none.length;
  size_ = 0;
  return Ok();
}

}  // namespace cove::store
