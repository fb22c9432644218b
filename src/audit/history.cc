#include "audit/history.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "base/unique_fd.h"

namespace cove::audit {
namespace {

constexpr std::string_view kPrefix = "decisions-";
constexpr std::string_view kSuffix = ".ndjson";
constexpr size_t kBlock = 256 * 1024;

struct File {
  UniqueFd fd;
  uint64_t bytes = 0;
};

Result<File> Open(const std::string& path) {
  File file;
  file.fd = UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.fd) return Error::FromErrno("cannot open " + path);
  struct stat info{};
  if (fstat(file.fd.get(), &info) != 0) return Error::FromErrno("stat of " + path);
  file.bytes = static_cast<uint64_t>(info.st_size);
  return file;
}

Result<std::string> ReadAt(const File& file, uint64_t offset, size_t bytes) {
  std::string out(bytes, '\0');
  size_t have = 0;
  while (have < bytes) {
    const ssize_t n =
        pread(file.fd.get(), out.data() + have, bytes - have, static_cast<off_t>(offset + have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::FromErrno("reading the audit");
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  out.resize(have);
  return out;
}

// Calls `fn` with each whole line of the file from its end; stops when it gives false.
Result<void> EachLineBackwards(const File& file, uint64_t* budget,
                               const std::function<bool(std::string_view, uint64_t end)>& fn) {
  uint64_t at = file.bytes;
  std::string carry;        // the front part of lines whose start is not read yet
  bool whole = false;       // whether `carry` ends at a newline
  uint64_t carry_end = at;  // offset just after carry (its newline included when whole)
  while (at > 0 && *budget > 0) {
    const size_t n = static_cast<size_t>(std::min<uint64_t>({kBlock, at, *budget}));
    at -= n;
    *budget -= n;
    ASSIGN_OR_RETURN(std::string block, ReadAt(file, at, n));
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

}  // namespace

std::string SegmentName(uint64_t first_seq) {
  const std::string digits = std::to_string(first_seq);
  return std::string(kPrefix) + std::string(20 - digits.size(), '0') + digits +
         std::string(kSuffix);
}

Result<std::vector<std::string>> ListSegments(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(kPrefix) && name.ends_with(kSuffix)) paths.push_back(entry.path());
  }
  if (error) return Error(Code::kIo, "cannot list " + directory + ": " + error.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

Result<std::vector<Record>> ReadTail(const std::string& directory, size_t count,
                                     std::string_view needle,
                                     const std::function<bool(const Record&)>& wanted) {
  ASSIGN_OR_RETURN(std::vector<std::string> segments, ListSegments(directory));
  std::vector<Record> found;
  uint64_t budget = kTailBytesMax;
  while (!segments.empty() && found.size() < count && budget > 0) {
    ASSIGN_OR_RETURN(const File file, Open(segments.back()));
    segments.pop_back();
    RETURN_IF_ERROR(EachLineBackwards(file, &budget, [&](std::string_view text, uint64_t) {
      if (text.find(needle) == std::string_view::npos) return true;
      auto line = ParseLine(text);
      if (line && wanted(line->record)) found.push_back(std::move(line->record));
      return found.size() < count;
    }));
  }
  std::reverse(found.begin(), found.end());
  return found;
}

Result<ChainEnd> FindChainEnd(const std::string& directory) {
  ASSIGN_OR_RETURN(std::vector<std::string> segments, ListSegments(directory));
  ChainEnd out;
  if (!segments.empty()) out.segment = segments.back();
  bool last = true;
  while (!segments.empty()) {
    ASSIGN_OR_RETURN(const File file, Open(segments.back()));
    std::optional<std::string> text;
    uint64_t end = 0;
    uint64_t budget = file.bytes;
    RETURN_IF_ERROR(EachLineBackwards(file, &budget, [&](std::string_view line, uint64_t at) {
      text = line;
      end = at;
      return false;
    }));
    if (last) out.whole_bytes = end;
    last = false;
    if (text) {
      auto line = ParseLine(*text);
      if (!line) return std::move(line).error().Wrap("last line of " + segments.back());
      out.seq = line->record.seq;
      out.hash = HashLine(*text);
      return out;
    }
    segments.pop_back();
  }
  return out;
}

Result<uint64_t> VerifyChain(const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<std::string> segments, ListSegments(directory));
  std::string hash(kGenesis);
  uint64_t seq = 0;
  for (const std::string& path : segments) {
    ASSIGN_OR_RETURN(const File file, Open(path));
    std::string carry;
    for (uint64_t at = 0; at < file.bytes;) {
      ASSIGN_OR_RETURN(const std::string block, ReadAt(file, at, kBlock));
      if (block.empty()) break;
      at += block.size();
      carry += block;
      size_t start = 0;
      for (size_t end; (end = carry.find('\n', start)) != std::string::npos; start = end + 1) {
        const std::string_view text = std::string_view(carry).substr(start, end - start);
        const auto line = ParseLine(text);
        if (!line || line->record.seq != seq + 1 || line->prev != hash) {
          return Error(Code::kInvalid, "the audit was changed at record " +
                                           std::to_string(seq + 1) + " in " + path);
        }
        ++seq;
        hash = HashLine(text);
      }
      carry.erase(0, start);
    }
  }
  return seq;
}

}  // namespace cove::audit
