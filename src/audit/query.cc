#include "audit/query.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "audit/segment.h"
#include "base/text.h"

namespace cove::audit {
namespace {

bool IsHost(const std::string& wanted, const std::string& host) {
  if (!wanted.starts_with("*.")) return host == wanted;
  return host.size() > wanted.size() - 1 && host.ends_with(std::string_view(wanted).substr(1));
}

bool IsPath(std::string_view wanted, const std::string& path) {
  if (!wanted.ends_with('*')) return path == wanted;
  wanted.remove_suffix(1);
  return path.starts_with(wanted);
}

bool Names(const std::string& list, const std::string& wanted) {
  const auto names = Split(list, ',');
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view name) { return Trim(name) == wanted; });
}

}  // namespace

bool Filter::Matches(const Record& record) const {
  if (!sandbox.empty() && record.sandbox != sandbox) return false;
  if (!record.sandbox.value.starts_with(sandbox_prefix)) return false;
  if (since && record.time.micros < since->micros) return false;
  if (until && record.time.micros >= until->micros) return false;
  if (allow && (!IsVerdict(record.kind) || record.allow != *allow)) return false;
  if (kind && record.kind != *kind) return false;
  if (!host.empty() && !IsHost(host, record.host)) return false;
  if (!user.empty() && record.user != user) return false;
  if (!channel.empty() && record.channel != channel) return false;
  if (port != 0 && record.port != port) return false;
  if (!method.empty() && !EqualsIgnoreCase(record.method, method)) return false;
  if (!path.empty() && !IsPath(path, record.path)) return false;
  if (!secret.empty() && !Names(record.secrets, secret)) return false;
  return reason.empty() || record.reason == reason;
}

std::string Filter::Needle() const {
  const std::string key = "\"sandbox\":\"";
  if (!sandbox.empty()) return key + CleanText(sandbox.value) + "\"";
  return sandbox_prefix.empty() ? std::string() : key + CleanText(sandbox_prefix);
}

std::optional<uint64_t> SeqOfLine(std::string_view line) {
  constexpr std::string_view kStart = "{\"seq\":";
  if (!line.starts_with(kStart)) return std::nullopt;
  line.remove_prefix(kStart.size());
  return ParseInt<uint64_t>(line.substr(0, line.find_first_not_of("0123456789")));
}

Result<Page> ReadPage(const std::string& directory, const Filter& filter, uint64_t before,
                      size_t count) {
  ASSIGN_OR_RETURN(std::vector<std::string> segments, ListSegments(directory));
  const std::string needle = filter.Needle();
  uint64_t budget = kTailBytesMax;
  Page page;
  uint64_t reached = 0;  // the oldest record looked at
  while (!segments.empty() && page.records.size() < count && budget > 0) {
    const std::string path = std::move(segments.back());
    segments.pop_back();
    if (before != 0 && FirstSeqOf(path) >= before) continue;
    auto opened = OpenSegment(path);
    // Removed meanwhile, with all before it.
    if (!opened && opened.error().sys_errno() == ENOENT) break;
    ASSIGN_OR_RETURN(Segment file, std::move(opened));
    if (before != 0) {
      ASSIGN_OR_RETURN(file.bytes, OffsetOf(file, before));
    }
    RETURN_IF_ERROR(EachLineBackwards(file, &budget, [&](std::string_view text, uint64_t) {
      if (const auto seq = SeqOfLine(text)) reached = *seq;
      if (text.find(needle) == std::string_view::npos) return true;
      auto line = ParseLine(text);
      if (line && filter.Matches(line->record)) page.records.push_back(std::move(line->record));
      return page.records.size() < count;
    }));
  }
  page.before = reached > 1 ? reached : 0;
  std::reverse(page.records.begin(), page.records.end());
  return page;
}

Result<Reader> Reader::Open(std::string directory, uint64_t from) {
  ASSIGN_OR_RETURN(const std::vector<std::string> segments, ListSegments(directory));
  Reader reader;
  reader.directory_ = std::move(directory);
  reader.next_ = std::max<uint64_t>(from, 1);
  if (!segments.empty()) reader.next_ = std::max(reader.next_, FirstSeqOf(segments.front()));
  for (size_t i = segments.size(); i > 0; --i) {
    if (FirstSeqOf(segments[i - 1]) > reader.next_) continue;
    ASSIGN_OR_RETURN(Segment file, ::cove::audit::OpenSegment(segments[i - 1]));
    ASSIGN_OR_RETURN(reader.offset_, OffsetOf(file, reader.next_));
    reader.file_ = std::move(file.fd);
    break;
  }
  return reader;
}

Result<void> Reader::OpenSegment(const std::string& path) {
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file && errno == ENOENT) return Ok();
  if (!file) return Error::FromErrno("cannot open " + path);
  file_ = std::move(file);
  offset_ = 0;
  return Ok();
}

// There is no next record, unless a later file says that it went.
Result<void> Reader::CheckRemoved() const {
  ASSIGN_OR_RETURN(const std::vector<std::string> segments, ListSegments(directory_));
  if (segments.empty() || FirstSeqOf(segments.back()) <= next_) return Ok();
  return Error(Code::kNotFound, "record " + std::to_string(next_) +
                                    " was removed, because the audit is over its limit, before it "
                                    "was read: begin anew");
}

Result<std::vector<std::string>> Reader::Next(uint64_t up_to) {
  std::vector<std::string> lines;
  for (;;) {
    if (next_ > up_to) return lines;
    // The next record begins the next file, which is named after it, or is not written yet.
    if (!file_) RETURN_IF_ERROR(OpenSegment(directory_ + "/" + SegmentName(next_)));
    if (!file_) {
      RETURN_IF_ERROR(CheckRemoved());
      return lines;
    }
    ASSIGN_OR_RETURN(const std::string block, ReadBlock(file_.get(), offset_));
    size_t start = 0;
    for (size_t end; next_ <= up_to && (end = block.find('\n', start)) != std::string::npos;
         start = end + 1) {
      lines.push_back(block.substr(start, end - start));
      ++next_;
    }
    offset_ += start;
    if (!lines.empty() || !block.empty() || offset_ == 0) return lines;
    const std::string path = directory_ + "/" + SegmentName(next_);
    if (access(path.c_str(), F_OK) != 0) {
      RETURN_IF_ERROR(CheckRemoved());
      return lines;
    }
    file_.Reset();
  }
}

}  // namespace cove::audit
