#include "audit/log.h"

#include <sys/stat.h>

#include "log/log.h"

namespace cove::audit {
namespace {

constexpr Duration kCompanyWait = milliseconds(5);
// Records that are kept for a disk that fails. Each is written anew with every try, and makes the
// batch larger that somebody waits for.
constexpr size_t kKeptMax = 1024;
constexpr Duration kKeptFor = seconds(1);

}  // namespace

struct Log::Pending {
  Record record;
  Waits waits = Waits::kNo;
  bool abandoned = false;  // who waited for it has gone
  Result<uint64_t> outcome = uint64_t{0};
  async::Event done;
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
  ASSIGN_OR_RETURN(Writer writer, Writer::Open(std::move(directory), std::move(end), limits));
  log->writer_ = std::make_shared<Writer>(std::move(writer));
  return log;
}

std::shared_ptr<Log::Pending> Log::Enqueue(Record record, Waits waits) {
  if (pending_.size() >= limits_.pending_max) return nullptr;
  auto pending = std::make_shared<Pending>();
  pending->record = std::move(record);
  pending->waits = waits;
  pending_.push_back(pending);
  newest_ = pending;
  WriteSoon();
  return pending;
}

void Log::WriteSoon() {
  if (writing_ || (pending_.empty() && kept_.empty())) return;
  writing_ = true;
  newest_ = pending_.empty() ? kept_.back() : pending_.back();
  tasks_.Spawn(WriteAll());
}

Task<Result<uint64_t>> Log::Append(Record record) {
  const std::shared_ptr<Pending> pending = Enqueue(std::move(record), Waits::kYes);
  if (pending == nullptr) {
    co_return Error(Code::kExhausted, "the audit's disk is too slow: too many records wait");
  }
  awaited_.Set();
  // Who waits may go while the record is written, or after that and before it is told.
  struct Waiting {
    Log& log;
    Pending& pending;
    bool told = false;
    ~Waiting() {
      if (told) return;
      pending.abandoned = !pending.done.is_set();
      if (!pending.abandoned && pending.outcome) log.CloseFor(pending.record);
    }
  } waiting{*this, *pending};
  co_await pending->done.Wait();
  waiting.told = true;
  co_return std::move(pending->outcome);
}

void Log::AppendLater(Record record) {
  if (Enqueue(std::move(record), Waits::kNo) == nullptr) log::Error("audit.record_lost");
}

Task<void> Log::Flush() {
  // The second round is for the closings of decisions that nobody waited for (CloseFor).
  for (int round = 0; round < 2; ++round) {
    kept_until_ = {};
    WriteSoon();
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

// The batch at the end of the chain; `excess`: what has to go now.
Task<Result<void>> Log::Write(Batch& batch, std::optional<Writer::Oldest>* excess) {
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
  using Excess = std::optional<Writer::Oldest>;
  auto write = [writer = writer_, lines = std::move(lines), first = seq_ + 1,
                look = !pruning_]() -> Result<Excess> {
    RETURN_IF_ERROR(writer->Append(lines, first));
    auto found = look ? writer->Excess() : Excess();
    if (!found) log::Error("audit.prune_failed", {{"error", found.error().message()}});
    return found ? *std::move(found) : Excess();
  };
  CO_ASSIGN_OR_RETURN(*excess, co_await async::Offload(pool_, std::move(write)));
  seq_ = seq;
  hash_ = std::move(hash);
  co_return Ok();
}

Log::Batch Log::TakeBatch() {
  Batch out;
  if (Now() >= kept_until_) out.swap(kept_);
  out.insert(out.end(), pending_.begin(), pending_.end());
  pending_.clear();
  return out;
}

Task<void> Log::WriteAll() {
  do {
    (void)co_await awaited_.Wait(Now() + kCompanyWait);
    awaited_.Reset();
    Batch batch = TakeBatch();
    std::optional<Writer::Oldest> excess;
    const Result<void> written = co_await Write(batch, &excess);
    if (written) {
      grown_.NotifyAll();
    } else {
      log::Error("audit.write_failed", {{"error", written.error().message()}});
    }
    bool announced = false;
    for (const auto& p : batch) {
      if (written && p->abandoned) CloseFor(p->record);
      announced |= p->record.kind == Kind::kPruned;
      p->outcome = written ? Result<uint64_t>(p->record.seq) : Result<uint64_t>(written.error());
      p->done.Set();
    }
    if (announced && !written) pruning_ = false;
    if (!written) KeepUnwritten(batch);
    if (announced && written) co_await RemoveOldest();
    if (excess) Announce(*excess);
  } while (!pending_.empty());
  writing_ = false;
}

// Those that nobody waits for, who would try again.
void Log::KeepUnwritten(const Batch& batch) {
  kept_until_ = Now() + kKeptFor;
  size_t lost = 0;
  for (const auto& old : batch) {
    if (old->waits == Waits::kYes || old->record.kind == Kind::kPruned) continue;
    if (kept_.size() >= kKeptMax) {
      ++lost;
      continue;
    }
    kept_.push_back(std::make_shared<Pending>());
    kept_.back()->record = old->record;
  }
  if (lost > 0) log::Error("audit.record_lost", {{"records", lost}});
}

void Log::Announce(const Writer::Oldest& oldest) {
  Record record;
  record.kind = Kind::kPruned;
  record.removed_to = oldest.last.seq;
  record.removed_hash = oldest.last.hash;
  record.detail = "over the audit's limit";
  pruning_ = Enqueue(std::move(record), Waits::kNo) != nullptr;
}

// One that cannot be removed stays, and no more are announced: whoever reads the log has to help.
Task<void> Log::RemoveOldest() {
  auto remove = [writer = writer_] { return writer->RemoveOldest(); };
  const Result<void> removed = co_await async::Offload(pool_, std::move(remove));
  pruning_ = !removed;
  if (!removed) log::Error("audit.prune_failed", {{"error", removed.error().message()}});
}

// Nothing followed from the decision, and nobody else will say so.
void Log::CloseFor(const Record& decision) {
  if (decision.kind != Kind::kDecision || !decision.allow) return;
  Record close = CloseOf(decision);
  close.reason = "client_closed";
  AppendLater(std::move(close));
}

}  // namespace cove::audit
