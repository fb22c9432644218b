// CommandLog: the output of one session command, kept in a file so that any number of readers can
// replay it from its start and then follow it, and so that it survives the host's restarts.
//
// Format: records of {u8 stream (1 stdout, 2 stderr), u32 length little endian, bytes}; appended
// only. While the disk is full, what comes is kept in memory, up to a limit, and goes to the file
// as soon as it can. Beyond that, and over the limit of the log, bytes are dropped, and a line that
// says how many follows as soon as something can be written again. Thread: loop-confined.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "async/event.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::toolbox {

enum class LogStreamId : uint8_t { kStdout = 1, kStderr = 2 };

class CommandLog {
 public:
  static constexpr uint64_t kBytesMax = 64 * 1024 * 1024;
  static constexpr size_t kRecordMax = 32 * 1024;
  // What is kept in memory without room on the disk: of one log, and of all logs of the process.
  static constexpr size_t kUnsavedMax = 512 * 1024;
  static constexpr size_t kUnsavedOfAllMax = 4 * 1024 * 1024;

  // The file `name` of `folder`, which stays open for as long as the log lives, is removed with the
  // last owner.
  CommandLog(int folder, std::string name) : folder_(folder), name_(std::move(name)) {}
  ~CommandLog();
  CommandLog(const CommandLog&) = delete;
  CommandLog& operator=(const CommandLog&) = delete;

  void Append(LogStreamId stream, std::string_view bytes);
  // Nothing more belongs to the command: readers end here, though a process that it left behind
  // may still append for later readers.
  void Complete();
  bool complete() const { return complete_; }
  uint64_t size() const { return saved_ + unsaved_.size(); }
  // Where readers that were there before the end stop.
  uint64_t end() const { return complete_ ? end_ : size(); }
  bool full() const { return size() >= kBytesMax; }
  // Bytes were dropped that are within the limit: the disk had no room for them.
  bool lost() const { return lost_; }
  // Notified at each append and at the end.
  async::Event& changed() { return changed_; }
  // Closes the file until it is needed again: an idle log holds no descriptor.
  void Rest() { file_.Reset(); }
  Result<UniqueFd> OpenToRead() const;
  // Copies what is in memory from `offset` of the log on; false: that is in the file.
  bool CopyUnsaved(uint64_t offset, char* out, size_t size) const;

 private:
  enum class Memory { kLimited, kAsNeeded };
  bool Write(LogStreamId stream, std::string_view bytes, Memory memory);
  bool WriteFile(const iovec* parts, int count, size_t whole);
  bool Save();
  void ForgetUnsaved();
  static inline size_t unsaved_of_all_ = 0;
  int folder_;
  std::string name_;
  UniqueFd file_;
  uint64_t saved_ = 0;   // bytes of the log that are in the file
  std::string unsaved_;  // whole records that follow them
  TimePoint try_again_{};
  bool lost_ = false;
  uint64_t end_ = 0;
  uint64_t dropped_ = 0;
  bool complete_ = false;
  async::Event changed_;
};

// Reads the records of a log in order. Owns a share of the log.
class LogReader {
 public:
  explicit LogReader(std::shared_ptr<CommandLog> log)
      : log_(std::move(log)), late_end_(log_->complete() ? log_->size() : 0) {}
  struct Record {
    LogStreamId stream = LogStreamId::kStdout;
    std::string bytes;  // empty: nothing there yet
  };
  Result<Record> Next();
  bool AtEnd() const { return offset_ >= std::max(log_->end(), late_end_); }

 private:
  Result<void> Read(uint64_t offset, char* out, size_t size);
  std::shared_ptr<CommandLog> log_;
  uint64_t late_end_;  // for a reader that comes after the end: all that was there when it came
  UniqueFd file_;
  uint64_t offset_ = 0;
};

}  // namespace cove::toolbox
