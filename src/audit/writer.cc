#include "audit/writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/segment.h"
#include "base/durable_file.h"

namespace cove::audit {

Result<Writer> Writer::Open(std::string directory, ChainEnd end, const LogLimits& limits) {
  Writer out(std::move(directory), limits);
  ASSIGN_OR_RETURN(const std::vector<std::string> segments, ListSegments(out.directory_));
  for (const std::string& path : segments) {
    ASSIGN_OR_RETURN(const Segment segment, OpenSegment(path));
    out.files_.push_back({path, path == end.segment ? end.whole_bytes : segment.bytes});
  }
  return out;
}

Result<void> Writer::Append(std::string_view lines, uint64_t first_seq) {
  const bool full = !files_.empty() && files_.back().bytes > 0 &&
                    files_.back().bytes + lines.size() > limits_.segment_bytes_max;
  if (files_.empty() || full) {
    files_.push_back({directory_ + "/" + SegmentName(first_seq)});
    fd_.Reset();
  }
  if (!fd_) RETURN_IF_ERROR(OpenLast());
  auto written = Write(lines);
  if (written && fdatasync(fd_.get()) != 0) written = Error::FromErrno("fdatasync");
  if (!written) {
    // After a failed sync the kernel may have dropped the pages: nothing of this batch counts,
    // and the descriptor is opened afresh, which cuts the file back.
    fd_.Reset();
    return std::move(written).error().Wrap("cannot write the audit in " + directory_);
  }
  files_.back().bytes += lines.size();
  return Ok();
}

Result<std::optional<Writer::Oldest>> Writer::Excess() const {
  uint64_t all = 0;
  for (const File& file : files_) all += file.bytes;
  if (limits_.disk_bytes_max == 0 || all <= limits_.disk_bytes_max || files_.size() < 2) {
    return std::optional<Oldest>();
  }
  // What the next file's first record says about the one before it.
  ASSIGN_OR_RETURN(const Segment next, OpenSegment(files_[1].path));
  ASSIGN_OR_RETURN(const std::string block, ReadBlock(next.fd.get(), 0));
  ASSIGN_OR_RETURN(const Line line, ParseLine(block.substr(0, block.find('\n'))));
  return std::optional<Oldest>({files_.front().path, {line.record.seq - 1, line.prev}});
}

Result<void> Writer::RemoveOldest() {
  const std::string path = files_.front().path;
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return Error::FromErrno("cannot remove " + path);
  }
  files_.pop_front();
  return SyncFolder(directory_);
}

Result<void> Writer::OpenLast() {
  const File& last = files_.back();
  UniqueFd file(open(last.path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return Error::FromErrno("cannot open " + last.path);
  if (ftruncate(file.get(), static_cast<off_t>(last.bytes)) != 0) {
    return Error::FromErrno("cannot cut " + last.path + " to its last whole record");
  }
  // The name of a new file must be as durable as what is in it.
  RETURN_IF_ERROR(SyncFolder(directory_));
  fd_ = std::move(file);
  return Ok();
}

Result<void> Writer::Write(std::string_view rest) {
  uint64_t at = files_.back().bytes;
  while (!rest.empty()) {
    const ssize_t n = pwrite(fd_.get(), rest.data(), rest.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::FromErrno("write");
    at += static_cast<uint64_t>(n);
    rest.remove_prefix(static_cast<size_t>(n));
  }
  return Ok();
}

}  // namespace cove::audit
