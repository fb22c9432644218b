#include "audit/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/history.h"
#include "base/unique_fd.h"
#include "log/log.h"

namespace cove::audit {
namespace {

constexpr Duration kCompanyWait = milliseconds(5);

}  // namespace

struct Log::Pending {
  Record record;
  bool abandoned = false;  // who waited for it has gone
  Result<uint64_t> outcome = uint64_t{0};
  async::Event done;
};

// The files. One call at a time, on the pool's threads; between calls nobody touches it. It is
// held by shared_ptr because a write goes on after the log that asked for it is gone.
class Log::Writer {
 public:
  Writer(std::string directory, ChainEnd end)
      : directory_(std::move(directory)), path_(std::move(end.segment)), bytes_(end.whole_bytes) {}

  Result<void> Append(const std::string& lines, uint64_t first_seq, uint64_t segment_bytes_max) {
    if (path_.empty() || (bytes_ > 0 && bytes_ + lines.size() > segment_bytes_max)) {
      path_ = directory_ + "/" + SegmentName(first_seq);
      bytes_ = 0;
      file_.Reset();
    }
    if (!file_) RETURN_IF_ERROR(OpenFile());
    auto written = Write(lines);
    if (written && fdatasync(file_.get()) != 0) written = Error::FromErrno("fdatasync");
    if (!written) {
      // After a failed sync the kernel may have dropped the pages: nothing of this batch counts,
      // and the descriptor is opened afresh, which cuts the file back.
      file_.Reset();
      return std::move(written).error().Wrap("cannot write the audit in " + directory_);
    }
    bytes_ += lines.size();
    return Ok();
  }

 private:
  Result<void> OpenFile() {
    UniqueFd file(open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return Error::FromErrno("cannot open " + path_);
    if (ftruncate(file.get(), static_cast<off_t>(bytes_)) != 0) {
      return Error::FromErrno("cannot cut " + path_ + " to its last whole record");
    }
    // The name of a new file must be as durable as what is in it.
    const UniqueFd directory(open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory || fsync(directory.get()) != 0) return Error::FromErrno("sync of " + directory_);
    file_ = std::move(file);
    return Ok();
  }

  Result<void> Write(std::string_view rest) {
    uint64_t at = bytes_;
    while (!rest.empty()) {
      const ssize_t n = pwrite(file_.get(), rest.data(), rest.size(), static_cast<off_t>(at));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Error::FromErrno("write");
      at += static_cast<uint64_t>(n);
      rest.remove_prefix(static_cast<size_t>(n));
    }
    return Ok();
  }

  std::string directory_;
  std::string path_;
  uint64_t bytes_;
  UniqueFd file_;
};

Log::Log(std::string directory, async::ThreadPool& pool, LogLimits limits)
    : directory_(std::move(directory)), pool_(pool), limits_(limits) {}

Log::~Log() = default;

Result<std::unique_ptr<Log>> Log::Open(std::string directory, async::ThreadPool& pool,
                                       LogLimits limits) {
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error::FromErrno("cannot make " + directory);
  }
  ASSIGN_OR_RETURN(ChainEnd end, FindChainEnd(directory));
  std::unique_ptr<Log> log(new Log(directory, pool, limits));
  log->seq_ = end.seq;
  log->hash_ = end.hash;
  log->writer_ = std::make_shared<Writer>(std::move(directory), std::move(end));
  return log;
}

std::shared_ptr<Log::Pending> Log::Enqueue(Record record) {
  if (pending_.size() >= limits_.pending_max) return nullptr;
  auto pending = std::make_shared<Pending>();
  pending->record = std::move(record);
  pending_.push_back(pending);
  newest_ = pending;
  if (!writing_) {
    writing_ = true;
    tasks_.Spawn(WriteAll());
  }
  return pending;
}

Task<Result<uint64_t>> Log::Append(Record record) {
  const std::shared_ptr<Pending> pending = Enqueue(std::move(record));
  if (pending == nullptr) {
    co_return Error(Code::kExhausted, "the audit's disk is too slow: too many records wait");
  }
  awaited_.Set();
  struct Waiting {
    Pending& pending;
    ~Waiting() { pending.abandoned = !pending.done.is_set(); }
  } waiting{*pending};
  co_await pending->done.Wait();
  co_return std::move(pending->outcome);
}

void Log::AppendLater(Record record) {
  if (Enqueue(std::move(record)) == nullptr) log::Error("audit.record_lost");
}

Task<void> Log::Flush() {
  // The second round is for the closings of decisions that nobody waited for (CloseFor).
  for (int round = 0; round < 2; ++round) {
    awaited_.Set();
    if (const std::shared_ptr<Pending> newest = newest_) co_await newest->done.Wait();
  }
}

Task<bool> Log::WaitPast(uint64_t seq, TimePoint deadline) {
  while (seq_ <= seq) {
    if (!co_await grown_.Wait(deadline)) co_return false;
  }
  co_return true;
}

Task<void> Log::WriteAll() {
  while (!pending_.empty()) {
    (void)co_await awaited_.Wait(Now() + kCompanyWait);
    awaited_.Reset();
    std::deque<std::shared_ptr<Pending>> batch;
    batch.swap(pending_);
    std::string lines;
    uint64_t seq = seq_;
    std::string hash = hash_;
    for (const auto& p : batch) {
      p->record.seq = ++seq;
      p->record.time = WallNow();
      const std::string line = WriteLine(p->record, hash);
      hash = HashLine(line);
      lines += line;
      lines += '\n';
    }
    auto write = [writer = writer_, lines = std::move(lines), first = seq_ + 1,
                  max = limits_.segment_bytes_max] { return writer->Append(lines, first, max); };
    const Result<void> written = co_await async::Offload(pool_, std::move(write));
    if (written) {
      seq_ = seq;
      hash_ = std::move(hash);
      grown_.NotifyAll();
    } else {
      log::Error("audit.write_failed", {{"error", written.error().message()}});
    }
    for (const auto& p : batch) {
      if (written && p->abandoned) CloseFor(p->record);
      p->outcome = written ? Result<uint64_t>(p->record.seq) : Result<uint64_t>(written.error());
      p->done.Set();
    }
  }
  writing_ = false;
}

// Nothing followed from the decision, and nobody else will say so.
void Log::CloseFor(const Record& decision) {
  if (decision.kind != Kind::kDecision || !decision.allow) return;
  Record close = CloseOf(decision);
  close.reason = "client_closed";
  AppendLater(std::move(close));
}

}  // namespace cove::audit
