// Journal: a short file of records that are on their way into the database. A record that Append()
// has taken survives the death of the process at once, because the kernel has it, and not that of
// the machine. Taking one is a single write(2) of a few microseconds on the caller's own thread:
// nobody is woken for it. So the file has to be in memory (tmpfs): on a disk a write waits for
// other writers' journal commits, tens of milliseconds where these are busy.
//
// Form: records of a 24-byte head (generation, length, checksum, little endian) and their bytes,
// from the beginning of the file; Clear() begins a new generation there. The first record that is
// torn, damaged or of another generation is the end. A generation is a random number, so that what
// a record says cannot be made to look like records once it is left over behind shorter ones.
// Thread: one at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::store {

class Journal {
 public:
  // Past this Append() takes no more: what reads the journal is far behind.
  static constexpr uint64_t kBytesMax = 16 * 1024 * 1024;

  // Opens or creates the file, mode 0600. Blocks. kDenied: what is there belongs to somebody else.
  static Result<std::unique_ptr<Journal>> Open(const std::string& path);
  // An empty one leaves no file.
  ~Journal();
  Journal(const Journal&) = delete;

  // What a former process left, the oldest first; they stay until Clear().
  const std::vector<std::string>& former() const { return former_; }

  // kExhausted past kBytesMax or on a full disk, kIo otherwise: then the record is not in it.
  Result<void> Append(std::string_view record);
  // All records are elsewhere by now. If it fails they are read again by the next process.
  Result<void> Clear();
  bool empty() const { return size_ == 0; }

 private:
  Journal(UniqueFd file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  Result<void> ReadFormer();
  Result<void> WriteAt(std::string_view bytes, uint64_t offset);

  UniqueFd file_;
  std::string path_;
  uint64_t generation_ = 0;
  uint64_t size_ = kBytesMax;  // until it is read: what could not be read is not removed
  std::string out_;            // one record; kept so that it need not be allocated each time
  std::vector<std::string> former_;
};

}  // namespace cove::store
