// The SQLite store: one thread, one connection, one commit for all writes that wait together.
//
// Durability: transactions are appended to the write-ahead log without fsync, which survives our
// own crash; a flushed write adds one fdatasync of the log after the commit, which makes it and
// all before it survive the machine's. What nobody flushed the thread flushes itself, a moment
// later.
#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/durable_file.h"
#include "base/unique_fd.h"
#include "log/log.h"
#include "store/migrate.h"

namespace cove::store {
namespace {

class SqliteStore final : public Store {
 public:
  SqliteStore(std::unique_ptr<SqliteDb> db, UniqueFd log)
      : log_(std::move(log)), db_(std::move(db)), thread_([this] { Work(); }) {}
  // Finishes what is queued.
  bool in_doubt() const override { return flush_failed_.load(std::memory_order_relaxed); }
  ~SqliteStore() override {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

 protected:
  void Submit(Job job) override {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(job));
    }
    wake_.notify_one();
  }

 private:
  // What waits, reads included, in the order submitted; a batch is bounded so that the first in it
  // does not wait for ever.
  static constexpr size_t kBatchMax = 256;

  void Work() {
    for (;;) {
      std::vector<Job> batch;
      {
        std::unique_lock lock(mutex_);
        const auto wanted = [this] { return closing_ || !queue_.empty(); };
        if (flush_at_ == kNever) {
          wake_.wait(lock, wanted);
        } else {
          wake_.wait_until(lock, flush_at_, wanted);
        }
        if (queue_.empty() && closing_) return;  // SQLite flushes when it closes
        while (!queue_.empty() && batch.size() < kBatchMax) {
          batch.push_back(std::move(queue_.front()));
          queue_.pop_front();
        }
      }
      RunBatch(batch);
      if (Now() < flush_at_) continue;
      if (auto flushed = FlushLog(); !flushed) {
        log::Error("store.not_flushed", {{"error", flushed.error().message()}});
      }
    }
  }

  // Reads first: they see only what is committed.
  void RunBatch(std::vector<Job>& batch) {
    std::vector<Job*> writes;
    bool flush = flush_failed_;
    for (Job& job : batch) {
      if (job.kind == Kind::kRead) {
        (void)job.run(*db_);
        job.done(Ok());
      } else {
        writes.push_back(&job);
        flush = flush || job.kind == Kind::kFlushedWrite;
      }
    }
    if (writes.empty()) return;
    Result<void> outcome = RunWrites(writes);
    if (outcome.ok() && flush) outcome = FlushLog();
    if (!flush && flush_at_ == kNever) flush_at_ = Now() + kFlushWithin;
    for (Job* job : writes) job->done(outcome);
  }

  Result<void> RunWrites(const std::vector<Job*>& writes) {
    RETURN_IF_ERROR(db_->Run("BEGIN IMMEDIATE"));
    for (Job* job : writes) {
      RunInSavepoint(*job);
      // A full disk or an I/O error may have rolled back the whole transaction by itself.
      if (!db_->in_transaction()) {
        return Error(Code::kIo,
                     "the database undid a group of changes: its disk failed or is full");
      }
    }
    const auto commit = db_->Run("COMMIT");
    if (commit) return Ok();
    (void)db_->Run("ROLLBACK");
    return commit.error();
  }

  void RunInSavepoint(Job& job) {
    (void)db_->Run("SAVEPOINT unit");
    if (!job.run(*db_).ok()) (void)db_->Run("ROLLBACK TO unit");
    if (db_->in_transaction()) (void)db_->Run("RELEASE unit");
  }

  // Nobody is to be told that something is written while that is in doubt, and a flush that goes
  // well after one that failed says nothing about what that one lost: the kernel tells an error
  // once and takes the pages for written (fsync(2)). So the log's content is written to another
  // place, the database itself; each write tries that until the disk takes it.
  Result<void> FlushLog() {
    flush_at_ = kNever;
    if (flush_failed_) {
      RETURN_IF_ERROR(WriteLogAnew());
      flush_failed_ = false;
      return Ok();
    }
    if (log_.valid() && ::fdatasync(log_.get()) != 0) {
      flush_failed_ = true;
      return Error::FromErrno("fdatasync of the database's log");
    }
    return Ok();
  }

  Result<void> WriteLogAnew() {
    const auto rows = db_->Query("PRAGMA wal_checkpoint(TRUNCATE)");
    if (!rows) return Error(Code::kIo, "after a flush that failed: " + rows.error().message());
    if (rows->empty() || (*rows)[0][0].Int() != 0) {
      return Error(Code::kIo, "after a flush that failed: the database's log is in use");
    }
    return Ok();
  }

  // Closed after the connection: closing a second descriptor earlier is harmless for the log, but
  // the order makes that plain.
  UniqueFd log_;
  std::unique_ptr<SqliteDb> db_;
  // The thread's own:
  TimePoint flush_at_ = kNever;             // when what was not flushed has to be
  std::atomic<bool> flush_failed_ = false;  // written by the thread only
  std::mutex mutex_;                        // guards queue_ and closing_
  std::condition_variable wake_;
  std::deque<Job> queue_;
  bool closing_ = false;
  std::thread thread_;  // last: uses all the others
};

// The log is ours to fsync once it exists; the folder too, so that its name is there after a cut.
Result<UniqueFd> OpenLog(const std::string& path) {
  const std::string log_path = path + "-wal";
  UniqueFd log(::open(log_path.c_str(), O_RDWR | O_CLOEXEC));
  if (!log) return Error::FromErrno("open " + log_path);
  RETURN_IF_ERROR(SyncFolderOf(path));
  return log;
}

}  // namespace

Result<std::unique_ptr<Store>> OpenSqlite(const std::string& path, const Migrations& migrations) {
  const bool in_memory = path == ":memory:";
  const mode_t old_mask = ::umask(0077);
  auto opened = SqliteDb::Open(path);
  ::umask(old_mask);
  ASSIGN_OR_RETURN(auto db, std::move(opened));
  RETURN_IF_ERROR(Migrate(*db, migrations));
  // Any write makes the log exist.
  RETURN_IF_ERROR(db->Script("PRAGMA user_version = 1"));
  UniqueFd log;
  if (!in_memory) {
    ASSIGN_OR_RETURN(log, OpenLog(path));
  }
  return std::unique_ptr<Store>(new SqliteStore(std::move(db), std::move(log)));
}

}  // namespace cove::store
