#include "audit/history.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "audit/query.h"
#include "audit/segment.h"
#include "base/text.h"

namespace cove::audit {
namespace {

constexpr std::string_view kPrefix = "decisions-";
constexpr std::string_view kSuffix = ".ndjson";
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

Result<ChainEnd> FindChainEnd(const std::string& directory) {
  ASSIGN_OR_RETURN(std::vector<std::string> segments, ListSegments(directory));
  ChainEnd out;
  if (!segments.empty()) out.segment = segments.back();
  bool last = true;
  while (!segments.empty()) {
    ASSIGN_OR_RETURN(const Segment file, OpenSegment(segments.back()));
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

std::string Head::ToString() const { return std::to_string(seq) + ":" + hash; }

std::optional<Head> Head::Parse(std::string_view text) {
  const size_t colon = text.find(':');
  const auto seq = ParseInt<uint64_t>(text.substr(0, colon));
  constexpr size_t kHexDigits = 64;
  if (!seq || colon == std::string_view::npos || text.size() != colon + 1 + kHexDigits) {
    return std::nullopt;
  }
  return Head{*seq, std::string(text.substr(colon + 1))};
}

Result<void> ChainCheck::Add(std::string_view text) {
  const auto wrong = [](const std::string& what) {
    return Error(Code::kInvalid, "the audit was changed: " + what);
  };
  const auto line = ParseLine(text);
  const uint64_t expected = head_.seq + 1;
  if (!line) return wrong("what should be record " + std::to_string(expected) + " is none");
  const Record& record = line->record;
  if (records_ == 0 && record.seq > 1) {
    before_ = head_ = {record.seq - 1, line->prev};
    announced_ = false;
  } else if (record.seq != expected) {
    incomplete_ = record.seq > expected;
    return wrong("where record " + std::to_string(expected) + " should be stands record " +
                 std::to_string(record.seq));
  }
  if (line->prev != head_.hash) {
    return wrong("record " + std::to_string(expected) +
                 " does not follow from the one before it; "
                 "one of the two is not what was written");
  }
  head_ = {record.seq, HashLine(text)};
  ++records_;
  announced_ |= record.kind == Kind::kPruned && record.removed_to == before_.seq &&
                record.removed_hash == before_.hash;
  if (wanted_ && wanted_->seq == head_.seq && wanted_->hash != head_.hash) {
    return wrong("record " + std::to_string(head_.seq) + " is not the one that was noted");
  }
  return Ok();
}

Result<void> ChainCheck::Finish() {
  const std::string first = std::to_string(before_.seq + 1);
  incomplete_ = !announced_ || (wanted_ && wanted_->seq > head_.seq);
  if (!announced_) {
    return Error(Code::kInvalid, "the audit was cut: it begins at record " + first +
                                     ", and no record says that those before were removed");
  }
  if (!wanted_) return Ok();
  if (wanted_->seq > head_.seq) {
    return Error(Code::kInvalid, "the audit was cut: it ends at record " +
                                     std::to_string(head_.seq) + ", and there was a record " +
                                     std::to_string(wanted_->seq));
  }
  if (wanted_->seq > before_.seq || wanted_->ToString() == before_.ToString()) return Ok();
  return Error(Code::kInvalid,
               "record " + std::to_string(wanted_->seq) +
                   ", which was noted, was removed or is not in this file: records here begin at " +
                   first + "; note a newer head");
}

Result<Verified> VerifyChain(const std::string& directory, std::optional<Head> wanted) {
  ASSIGN_OR_RETURN(const std::vector<std::string> segments, ListSegments(directory));
  ChainCheck check(wanted);
  for (const std::string& path : segments) {
    const auto opened = OpenSegment(path);
    if (!opened && opened.error().sys_errno() == ENOENT) {
      // Removed meanwhile, with all before it.
      check = ChainCheck(wanted);
      continue;
    }
    if (!opened) return opened.error();
    const Segment& file = *opened;
    uint64_t at = 0;
    for (;;) {
      ASSIGN_OR_RETURN(const std::string block, ReadBlock(file.fd.get(), at));
      size_t start = 0;
      for (size_t end; (end = block.find('\n', start)) != std::string::npos; start = end + 1) {
        if (auto ok = check.Add(std::string_view(block).substr(start, end - start)); !ok) {
          return Error(Code::kInvalid, ok.error().message() + " (" + path + ")");
        }
      }
      if (start == 0) break;  // the end, or a line that is being written
      at += start;
    }
  }
  RETURN_IF_ERROR(check.Finish());
  return Verified{check.head(), check.records()};
}

Result<Verified> VerifyExport(std::string_view text, std::optional<Head> wanted) {
  ChainCheck check(std::move(wanted));
  Result<void> ok = Ok();
  while (ok && !text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.empty()) ok = check.Add(line);
  }
  if (ok && check.records() == 0) return Error(Code::kInvalid, "the file holds no records");
  if (ok) ok = check.Finish();
  if (ok) return Verified{check.head(), check.records()};
  if (!check.incomplete()) return std::move(ok).error();
  return Error(Code::kInvalid, ok.error().message() +
                                   "; if it was exported with a filter, this file has only some "
                                   "records: export without one to verify it");
}

json::Object VerdictJson(const Result<Verified>& verdict) {
  json::Object out;
  out["ok"] = verdict.ok();
  out["message"] =
      verdict ? "every record follows from the one before it" : verdict.error().message();
  out["records"] = verdict ? json::Value(verdict->records) : json::Value(nullptr);
  out["head"] = verdict ? json::Value(verdict->ToString()) : json::Value(nullptr);
  return out;
}

}  // namespace cove::audit
