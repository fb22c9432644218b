// The append-only, hash-chained record of decisions.
//
// Concept: nothing leaves a sandbox before the decision about it is on the disk. Append() returns
// once the record is durable (fdatasync); records that arrive while a write is under way go
// together in the next one, so the disk is asked once for many. If the disk fails, every waiter
// gets the error (and must refuse what it wanted to do), the file is cut back to its last whole
// record, and the next Append tries again. Each record names the SHA-256 of the one before it, so a
// change anywhere breaks the chain; VerifyChain (history.h) finds where.
// When the files are over their limit the oldest one goes; before it does, a record in the chain
// says so (kPruned), with the hash that the rest begins with.
//
// Thread: loop-confined; the writing runs on `pool`, which should have nothing slow on it.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "async/offload.h"
#include "async/task_group.h"
#include "audit/history.h"
#include "audit/record.h"
#include "audit/writer.h"

namespace cove::audit {

using async::Task;

class Log {
 public:
  // Opens (or makes) the log in `directory` and finds the end of its chain. Blocks: call it before
  // the loop runs. kInvalid: the last record cannot be read; the files need a person to look at.
  static Result<std::unique_ptr<Log>> Open(std::string directory, async::ThreadPool& pool,
                                           LogLimits limits = {});
  ~Log();

  // Gives the record's sequence number once it is durable. Whoever stops waiting does nothing: an
  // allowed decision is then closed on record at once.
  Task<Result<uint64_t>> Append(Record record);
  // The same for records that nobody waits for (closing records): they wait a moment for one that
  // somebody does, so that it does not find the disk busy. If the disk fails they are tried again
  // with later ones, or when somebody reads; lost if the process dies first, or if too many wait.
  void AppendLater(Record record);
  // Waits until all that was appended before is durable or refused, with what closes it: whoever
  // reads the files next sees it.
  Task<void> Flush();

  // Waits until a record after `seq` is durable; false at the deadline.
  Task<bool> WaitPast(uint64_t seq, TimePoint deadline = kNever);

  uint64_t last_seq() const { return seq_; }
  // The last durable record.
  Head head() const { return {seq_, hash_}; }
  const std::string& directory() const { return directory_; }

 private:
  struct Pending;
  Log(std::string directory, async::ThreadPool& pool, LogLimits limits);
  enum class Waits { kYes, kNo };
  std::shared_ptr<Pending> Enqueue(Record record, Waits waits);
  void WriteSoon();
  Task<void> WriteAll();
  using Batch = std::deque<std::shared_ptr<Pending>>;
  Batch TakeBatch();
  void KeepUnwritten(const Batch& batch);
  Task<Result<void>> Write(Batch& batch, std::optional<Writer::Oldest>* excess);
  void CloseFor(const Record& decision);
  void Announce(const Writer::Oldest& oldest);
  Task<void> RemoveOldest();

  std::string directory_;
  async::ThreadPool& pool_;
  LogLimits limits_;
  uint64_t seq_ = 0;
  std::string hash_;
  std::deque<std::shared_ptr<Pending>> pending_;
  // Those that nobody waits for and that the disk did not take; tried again from `kept_until_` on.
  std::deque<std::shared_ptr<Pending>> kept_;
  TimePoint kept_until_{};
  std::shared_ptr<Pending> newest_;  // the last that was appended, durable or not
  std::shared_ptr<Writer> writer_;
  bool writing_ = false;
  bool pruning_ = false;  // a file's end is announced, or could not be brought about
  async::Event awaited_;  // set while somebody waits for what is pending
  async::Event grown_;    // notified, never set
  async::TaskGroup tasks_;
};

}  // namespace cove::audit
