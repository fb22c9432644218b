#include "toolbox/command_log.h"

#include <fcntl.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>

namespace cove::toolbox {
namespace {
constexpr size_t kHeader = 5;
constexpr milliseconds kPause{200};  // between two tries while the disk is full

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

CommandLog::~CommandLog() {
  ForgetUnsaved();
  unlinkat(folder_, name_.c_str(), 0);
}

void CommandLog::ForgetUnsaved() {
  unsaved_of_all_ -= unsaved_.size();
  std::string().swap(unsaved_);
}

// What was written in part is overwritten by the next try.
bool CommandLog::WriteFile(const iovec* parts, int count, size_t whole) {
  constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
  if (!file_) file_.Reset(openat(folder_, name_.c_str(), kFlags, 0600));
  if (file_ && pwritev(file_.get(), parts, count, static_cast<off_t>(saved_)) ==
                   static_cast<ssize_t>(whole)) {
    saved_ += whole;
    return true;
  }
  try_again_ = Now() + kPause;
  return false;
}

// Whether the file has all of the log and may take more.
bool CommandLog::Save() {
  if (Now() < try_again_) return false;
  if (unsaved_.empty()) return true;
  const iovec part{unsaved_.data(), unsaved_.size()};
  if (!WriteFile(&part, 1, unsaved_.size())) return false;
  ForgetUnsaved();
  return true;
}

bool CommandLog::Write(LogStreamId stream, std::string_view bytes, Memory memory) {
  Header header(stream, static_cast<uint32_t>(bytes.size()));
  const iovec parts[2] = {{header.bytes, kHeader}, {const_cast<char*>(bytes.data()), bytes.size()}};
  const size_t whole = kHeader + bytes.size();
  if (Save() && WriteFile(parts, 2, whole)) return true;
  if (memory == Memory::kLimited &&
      (unsaved_.size() + whole > kUnsavedMax || unsaved_of_all_ + whole > kUnsavedOfAllMax)) {
    return false;
  }
  unsaved_.append(header.bytes, kHeader).append(bytes);
  unsaved_of_all_ += whole;
  return true;
}

bool CommandLog::CopyUnsaved(uint64_t offset, char* out, size_t size) const {
  if (offset < saved_ || offset - saved_ + size > unsaved_.size()) return false;
  unsaved_.copy(out, size, offset - saved_);
  return true;
}

void CommandLog::Append(LogStreamId stream, std::string_view bytes) {
  if (dropped_ != 0 && !full() && Save()) {
    const std::string note = "\n[cove: " + std::to_string(dropped_) + " bytes were not kept]\n";
    if (Write(LogStreamId::kStderr, note, Memory::kLimited)) dropped_ = 0;
  }
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, std::min(bytes.size(), kRecordMax));
    if (dropped_ != 0 || full() || !Write(stream, piece, Memory::kLimited)) {
      dropped_ += piece.size();
      if (!full()) lost_ = true;
    }
    bytes.remove_prefix(piece.size());
  }
  changed_.NotifyAll();
}

void CommandLog::Complete() {
  if (complete_) return;
  try_again_ = {};
  (void)Save();
  if (dropped_ != 0) {
    // Over the limit this one line is still let in, so that a reader learns that bytes are missing.
    (void)Write(LogStreamId::kStderr,
                "\n[cove: " + std::to_string(dropped_) + " bytes were not kept]\n",
                Memory::kAsNeeded);
    dropped_ = 0;
  }
  complete_ = true;
  end_ = size();
  changed_.NotifyAll();
}

Result<UniqueFd> CommandLog::OpenToRead() const {
  UniqueFd file(openat(folder_, name_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return Error::FromErrno("cannot open the command's log");
  return file;
}

Result<void> LogReader::Read(uint64_t offset, char* out, size_t size) {
  if (log_->CopyUnsaved(offset, out, size)) return Ok();
  if (!file_) {
    ASSIGN_OR_RETURN(file_, log_->OpenToRead());
  }
  if (pread(file_.get(), out, size, static_cast<off_t>(offset)) != static_cast<ssize_t>(size)) {
    return Error::FromErrno("cannot read the command's log");
  }
  return Ok();
}

Result<LogReader::Record> LogReader::Next() {
  Record record;
  if (AtEnd()) return record;
  char header[kHeader];
  RETURN_IF_ERROR(Read(offset_, header, kHeader));
  record.stream = static_cast<LogStreamId>(header[0]);
  record.bytes.resize(std::min<size_t>(LengthOf(header), CommandLog::kRecordMax));
  RETURN_IF_ERROR(Read(offset_ + kHeader, record.bytes.data(), record.bytes.size()));
  offset_ += kHeader + record.bytes.size();
  return record;
}

}  // namespace cove::toolbox
