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

namespace {

Error Changed(const std::string& what) {
  return {Code::kInvalid, "the audit was changed: " + what};
}

std::string Records(uint64_t from, uint64_t to) {
  if (from == to) return "record " + std::to_string(from);
  return "records " + std::to_string(from) + " to " + std::to_string(to);
}

}  // namespace

ChainCheck::ChainCheck(Of of, std::optional<Head> wanted) : of_(of), wanted_(std::move(wanted)) {
  met_ = wanted_ && wanted_->ToString() == Head().ToString();
}

Result<void> ChainCheck::CompareWanted() {
  if (!wanted_ || wanted_->seq != head_.seq) return Ok();
  met_ = wanted_->hash == head_.hash;
  if (met_) {
    vouched_from_ = run_from_;
    return Ok();
  }
  return Changed("record " + std::to_string(head_.seq) + " is not the one that was noted");
}

// Where a record other than the next one stands: at the beginning, or behind a gap.
Result<void> ChainCheck::TakeUp(const Record& record, const std::string& prev) {
  const uint64_t expected = head_.seq + 1;
  const bool first = records_ == 0;
  if (record.seq < expected || (!first && of_ == Of::kLog)) {
    return Changed("where record " + std::to_string(expected) + " should be stands record " +
                   std::to_string(record.seq));
  }
  run_from_ = record.seq;
  const uint64_t last = head_.seq;
  head_ = {record.seq - 1, prev};
  if (first) {
    before_ = head_;
    announced_ = false;
  } else {
    before_gap_ = last;
    if (++gaps_ == 1) first_gap_ = Records(expected, head_.seq);
  }
  return CompareWanted();
}

Result<void> ChainCheck::Add(std::string_view text) {
  const auto line = ParseLine(text);
  if (!line) {
    return Changed("what should be record " + std::to_string(head_.seq + 1) + " is none");
  }
  const Record& record = line->record;
  if (record.seq != head_.seq + 1) RETURN_IF_ERROR(TakeUp(record, line->prev));
  if (line->prev != head_.hash) {
    return Changed("record " + std::to_string(record.seq) +
                   " does not follow from the one before it; "
                   "one of the two is not what was written");
  }
  head_ = {record.seq, HashLine(text)};
  ++records_;
  announced_ |= record.kind == Kind::kPruned && record.removed_to == before_.seq &&
                record.removed_hash == before_.hash;
  return CompareWanted();
}

Result<void> ChainCheck::Finish() const {
  const std::string begins = std::to_string(first());
  if (!announced_) {
    return Error(Code::kInvalid, "the audit was cut: it begins at record " + begins +
                                     ", and no record says that those before were removed");
  }
  if (!wanted_ || met_) return Ok();
  if (wanted_->seq > head_.seq) {
    return Error(Code::kInvalid, "the audit was cut: it ends at record " +
                                     std::to_string(head_.seq) + ", and there was a record " +
                                     std::to_string(wanted_->seq));
  }
  return Error(Code::kInvalid, "record " + std::to_string(wanted_->seq) +
                                   ", which was noted, was removed: records here begin at " +
                                   begins + "; note a newer head");
}

std::string ChainCheck::Missing() const {
  std::vector<std::string> out;
  const bool anchored = met_ && wanted_->seq == before_.seq;
  if (!announced_ && !anchored) {
    out.push_back(Records(1, before_.seq) + ", before the first one here: nothing says that " +
                  "they were removed; --head of record " + std::to_string(before_.seq) +
                  " would vouch for where it begins");
  }
  if (gaps_ > 0) {
    const std::string more = gaps_ == 1 ? "" : ", and " + std::to_string(gaps_ - 1) + " more gaps";
    out.push_back(first_gap_ + more + ": a filter leaves records out, and so may anybody");
    // What the missing ones would have said of those before them, nobody does: but a noted one
    // for those that lead up to it.
    const bool vouched = met_ && wanted_->seq >= vouched_from_;
    out.push_back(
        "records up to " + std::to_string(before_gap_) +
        " stand before a gap: nothing here says that they are what was written" +
        (vouched ? ", and --head vouches for " + Records(vouched_from_, wanted_->seq) + " only"
                 : ""));
  }
  if (wanted_ && !met_) {
    const bool later = wanted_->seq > head_.seq;
    out.push_back(Records(later ? head_.seq + 1 : wanted_->seq, wanted_->seq) +
                  (later ? ", after the last one here: that one was noted" : ", which was noted"));
  }
  if (cut_line_) out.push_back("the rest of the last line, which is cut off");
  return Join(out, "; ");
}

Result<Verified> VerifyChain(const std::string& directory, std::optional<Head> wanted) {
  ASSIGN_OR_RETURN(const std::vector<std::string> segments, ListSegments(directory));
  ChainCheck check(ChainCheck::Of::kLog, wanted);
  for (const std::string& path : segments) {
    const auto opened = OpenSegment(path);
    if (!opened && opened.error().sys_errno() == ENOENT) {
      // Removed meanwhile, with all before it.
      check = ChainCheck(ChainCheck::Of::kLog, wanted);
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
  return Verified{check.head(), check.first(), check.records(), {}};
}

Result<Verified> VerifyFile(std::string_view text, std::optional<Head> wanted) {
  ChainCheck check(ChainCheck::Of::kFile, std::move(wanted));
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    // Whoever saved it stopped there.
    if (end == std::string_view::npos && !ParseLine(line)) {
      check.NoteCutLine();
    } else if (!line.empty()) {
      RETURN_IF_ERROR(check.Add(line));
    }
  }
  if (check.records() == 0) return Error(Code::kInvalid, "the file holds no records");
  return Verified{check.head(), check.first(), check.records(), check.Missing()};
}

json::Object VerdictJson(const Result<Verified>& verdict) {
  const bool part = verdict && !verdict->missing.empty();
  json::Object out;
  out["ok"] = verdict && !part;
  out["state"] = part ? "part" : verdict ? "whole" : "broken";
  out["message"] =
      !verdict ? verdict.error().message()
      : part ? "no contradiction was found among records that stand next to each other; not here, "
               "or not vouched for: " +
                   verdict->missing
             : "every record follows from the one before it";
  out["first"] = verdict ? json::Value(verdict->first) : json::Value(nullptr);
  out["records"] = verdict ? json::Value(verdict->records) : json::Value(nullptr);
  out["head"] = verdict ? json::Value(verdict->ToString()) : json::Value(nullptr);
  return out;
}

}  // namespace cove::audit
