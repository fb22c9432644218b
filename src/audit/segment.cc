#include "audit/segment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "audit/query.h"
#include "base/text.h"

namespace cove::audit {
namespace {

constexpr size_t kBlock = 256 * 1024;
// More than the longest line: fields are cut, and a byte takes at most four.
constexpr size_t kLineMax = 32 * 1024;

// The first whole line that begins at or after `offset`; where, and its number. At the end of the
// file: its size, and the highest number.
struct LineAt {
  uint64_t offset = 0;
  uint64_t seq = UINT64_MAX;
};
Result<LineAt> NextLine(const Segment& file, uint64_t offset) {
  const uint64_t from = offset == 0 ? 0 : offset - 1;  // a line may begin right here
  ASSIGN_OR_RETURN(const std::string block, ReadAt(file.fd.get(), from, kLineMax));
  size_t start = 0;
  if (offset != 0) {
    start = block.find('\n');
    if (start == std::string::npos) return LineAt{file.bytes};
    ++start;
  }
  const auto seq = SeqOfLine(std::string_view(block).substr(start));
  if (!seq) return LineAt{file.bytes};
  return LineAt{from + start, *seq};
}

}  // namespace

Result<Segment> OpenSegment(const std::string& path) {
  Segment file;
  file.fd = UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.fd) return Error::FromErrno("cannot open " + path);
  struct stat info{};
  if (fstat(file.fd.get(), &info) != 0) return Error::FromErrno("stat of " + path);
  file.bytes = static_cast<uint64_t>(info.st_size);
  return file;
}

uint64_t FirstSeqOf(const std::string& path) {
  const size_t dash = path.rfind('-');
  if (dash == std::string::npos) return 0;
  const std::string_view rest = std::string_view(path).substr(dash + 1);
  return ParseInt<uint64_t>(rest.substr(0, rest.find('.'))).value_or(0);
}

Result<std::string> ReadAt(int fd, uint64_t offset, size_t bytes) {
  std::string out(bytes, '\0');
  size_t have = 0;
  while (have < bytes) {
    const ssize_t n = pread(fd, out.data() + have, bytes - have, static_cast<off_t>(offset + have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::FromErrno("reading the audit");
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  out.resize(have);
  return out;
}

Result<std::string> ReadBlock(int fd, uint64_t offset) { return ReadAt(fd, offset, kBlock); }

Result<uint64_t> OffsetOf(const Segment& file, uint64_t seq) {
  uint64_t low = 0;
  uint64_t high = file.bytes;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    ASSIGN_OR_RETURN(const LineAt line, NextLine(file, middle));
    if (line.seq >= seq) {
      high = middle;
    } else {
      low = line.offset + 1;
    }
  }
  ASSIGN_OR_RETURN(const LineAt line, NextLine(file, low));
  if (line.seq != UINT64_MAX) return line.offset;
  // After the last line: a half-written one behind it will be overwritten.
  uint64_t whole = 0;
  uint64_t budget = file.bytes;
  RETURN_IF_ERROR(EachLineBackwards(file, &budget, [&](std::string_view, uint64_t end) {
    whole = end;
    return false;
  }));
  return whole;
}

Result<void> EachLineBackwards(const Segment& file, uint64_t* budget,
                               const std::function<bool(std::string_view, uint64_t end)>& fn) {
  uint64_t at = file.bytes;
  std::string carry;        // the front part of lines whose start is not read yet
  bool whole = false;       // whether `carry` ends at a newline
  uint64_t carry_end = at;  // offset just after carry (its newline included when whole)
  while (at > 0 && *budget > 0) {
    const size_t n = static_cast<size_t>(std::min<uint64_t>({kBlock, at, *budget}));
    at -= n;
    *budget -= n;
    ASSIGN_OR_RETURN(std::string block, ReadAt(file.fd.get(), at, n));
    block += carry;
    for (;;) {
      const size_t newline = block.rfind('\n');
      if (newline == std::string::npos) break;
      if (whole && !fn(std::string_view(block).substr(newline + 1), carry_end)) return Ok();
      whole = true;
      carry_end = at + newline + 1;
      block.resize(newline);
    }
    carry = std::move(block);
  }
  if (at == 0 && whole) fn(carry, carry_end);
  return Ok();
}

}  // namespace cove::audit
