#include "toolbox/command_log.h"

#include <fcntl.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>

namespace cove::toolbox {
namespace {
constexpr size_t kHeader = 5;

struct Header {
  char bytes[kHeader];
  Header(LogStreamId stream, uint32_t length) {
    bytes[0] = static_cast<char>(stream);
    for (int i = 0; i < 4; ++i) bytes[1 + i] = static_cast<char>((length >> (8 * i)) & 0xff);
  }
};

uint32_t LengthOf(const char* header) {
  uint32_t length = 0;
  for (int i = 0; i < 4; ++i) {
    length |= static_cast<uint32_t>(static_cast<unsigned char>(header[1 + i])) << (8 * i);
  }
  return length;
}
}  // namespace

CommandLog::~CommandLog() { unlink(path_.c_str()); }

bool CommandLog::Write(LogStreamId stream, std::string_view bytes) {
  if (!file_) file_.Reset(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file_) return false;
  Header header(stream, static_cast<uint32_t>(bytes.size()));
  const iovec parts[2] = {{header.bytes, kHeader}, {const_cast<char*>(bytes.data()), bytes.size()}};
  const auto whole = static_cast<ssize_t>(kHeader + bytes.size());
  // A record that was written in part is overwritten by the next one.
  if (pwritev(file_.get(), parts, 2, static_cast<off_t>(size_)) != whole) return false;
  size_ += static_cast<uint64_t>(whole);
  return true;
}

void CommandLog::Append(LogStreamId stream, std::string_view bytes) {
  if (dropped_ != 0 && !full()) {
    const std::string note = "\n[cove: " + std::to_string(dropped_) + " bytes were not kept]\n";
    if (Write(LogStreamId::kStderr, note)) dropped_ = 0;
  }
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, std::min(bytes.size(), kRecordMax));
    if (dropped_ != 0 || full() || !Write(stream, piece)) dropped_ += piece.size();
    bytes.remove_prefix(piece.size());
  }
  changed_.NotifyAll();
}

void CommandLog::Complete() {
  if (complete_) return;
  if (dropped_ != 0) {
    // Over the limit this one line is still let in, so that a reader learns that bytes are missing.
    (void)Write(LogStreamId::kStderr,
                "\n[cove: " + std::to_string(dropped_) + " bytes were not kept]\n");
    dropped_ = 0;
  }
  complete_ = true;
  end_ = size_;
  changed_.NotifyAll();
}

Result<LogReader::Record> LogReader::Next() {
  Record record;
  if (AtEnd()) return record;
  if (!file_) file_.Reset(open(log_->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file_) return Error::FromErrno("cannot open the command's log");
  char header[kHeader];
  if (pread(file_.get(), header, kHeader, static_cast<off_t>(offset_)) != kHeader) {
    return Error::FromErrno("cannot read the command's log");
  }
  record.stream = static_cast<LogStreamId>(header[0]);
  record.bytes.resize(std::min<size_t>(LengthOf(header), CommandLog::kRecordMax));
  const ssize_t n = pread(file_.get(), record.bytes.data(), record.bytes.size(),
                          static_cast<off_t>(offset_ + kHeader));
  if (n != static_cast<ssize_t>(record.bytes.size())) {
    return Error::FromErrno("cannot read the command's log");
  }
  offset_ += kHeader + record.bytes.size();
  return record;
}

}  // namespace cove::toolbox
