#include "bridge/call_writer.h"

#include "bridge/budget_rows.h"
#include "bridge/call_id.h"
#include "bridge/call_record.h"
#include "bridge/call_rows.h"
#include "log/log.h"

namespace cove::bridge {

CallWriter::CallWriter(store::Store& store, TextMode texts) : store_(store), texts_(texts) {}
CallWriter::~CallWriter() = default;

Task<Result<void>> CallWriter::Recover(std::string folder) {
  if (folder.empty()) co_return Ok();
  std::vector<Call> begun;
  std::array<std::unique_ptr<store::Journal>, 2> journals;
  for (size_t i = 0; i < journals.size(); ++i) {
    CO_ASSIGN_OR_RETURN(journals[i], store::Journal::Open(folder + "/calls." + std::to_string(i)));
    for (const std::string& record : journals[i]->former()) {
      auto call = ReadRecord(record);
      if (!call) {
        log::Error("bridge.record_unknown", {{"bytes", record.size()}});
        continue;
      }
      begun.push_back(*std::move(call));
    }
  }
  if (!begun.empty()) {
    CO_RETURN_IF_ERROR(
        co_await store_.Write([begun = std::move(begun)](store::Db& db) -> Result<void> {
          for (const Call& call : begun) RETURN_IF_ERROR(PutRow(db, call));
          return Ok();
        }));
  }
  for (auto& journal : journals) CO_RETURN_IF_ERROR(journal->Clear());
  journals_ = std::move(journals);
  co_return Ok();
}

Task<Result<void>> CallWriter::Begin(Call call) {
  store::Journal* const journal = journals_[active_].get();
  if (journal != nullptr && !failed_ && !store_.in_doubt()) {
    WriteRecord(call, record_);
    if (auto taken = journal->Append(record_)) {
      const size_t place = Add({std::move(call), {}, std::nullopt});
      next_->begun.emplace(next_->changes[place].call.id, place);
      Want(When::kSoon);
      co_return Ok();
    }
  }
  co_return co_await store_.Write(
      [call = std::move(call)](store::Db& db) -> Result<void> {
        RETURN_IF_ERROR(PutRow(db, call));
        return Ok();
      },
      store::Durability::kProcess);
}

Task<Result<std::vector<Spent>>> CallWriter::End(Call call, Said said, When when) {
  const BatchPtr batch = next_;
  const auto begun = batch->begun.find(call.id);
  size_t place = 0;
  if (begun == batch->begun.end()) {
    place = Add({std::move(call), std::move(said), std::nullopt});
  } else {
    place = begun->second;
    batch->begun.erase(begun);
    batch->changes[place] = {std::move(call), std::move(said), std::nullopt};
  }
  Want(when);
  co_await batch->written.Wait();
  co_return *std::move(batch->changes[place].outcome);
}

size_t CallWriter::Add(Change change) {
  next_->changes.push_back(std::move(change));
  return next_->changes.size() - 1;
}

void CallWriter::Want(When when) {
  if (!std::exchange(working_, true)) group_.Spawn(Work());
  if (when == When::kNow && !std::exchange(now_, true)) urgent_.NotifyAll();
  wanted_.NotifyAll();
}

Task<void> CallWriter::Flush() {
  if (writing_ == nullptr && next_->changes.empty()) co_return;
  if (next_->changes.empty()) {
    const BatchPtr batch = writing_;
    co_await batch->written.Wait();
    co_return;
  }
  const BatchPtr batch = next_;
  Want(When::kNow);
  co_await batch->written.Wait();
}

Task<void> CallWriter::Work() {
  for (;;) {
    while (next_->changes.empty()) co_await wanted_.Wait();
    if (!now_) (void)co_await urgent_.Wait(Now() + (failed_ ? kRetry : kGather));
    now_ = false;
    writing_ = std::exchange(next_, std::make_shared<Batch>());
    const size_t journal = active_;
    if (!failed_) active_ = 1 - active_;
    co_await Write(writing_, journal);
    std::exchange(writing_, nullptr)->written.Set();
  }
}

// Most have none. Asked in the transaction itself: one may have been made just before it.
Result<CallWriter::Budgets> CallWriter::AnyBudgets(store::Db& db) {
  ASSIGN_OR_RETURN(const auto rows, db.Query("SELECT 1 FROM ai_budget LIMIT 1"));
  return rows.empty() ? Budgets::kNone : Budgets::kSome;
}

Result<std::vector<Spent>> CallWriter::Apply(store::Db& db, TextMode texts, Budgets budgets,
                                             Change& change) {
  const Call& call = change.call;
  ASSIGN_OR_RETURN(const int64_t written, PutRow(db, call));
  if (!call.ended_at) return std::vector<Spent>();
  // A refused call has said nothing and spent nothing.
  if (call.end.outcome == Outcome::kRefused) return std::vector<Spent>();
  if (written == 0) {
    // It has ended: a write that was told as failed may be there. Budgets have to hear of it.
    if (budgets == Budgets::kNone) return std::vector<Spent>();
    return ReadSpending(db, call.start, call.started_at);
  }
  // Here and not on the loop: long texts are read for secrets.
  change.said = KeptOf(texts, std::move(change.said));
  RETURN_IF_ERROR(InsertSaid(db, CallNumber(call.id), change.said));
  if (budgets == Budgets::kNone) return std::vector<Spent>();
  const bool priced = call.charge.basis != CostBasis::kUnpriced;
  return AddSpending(db, call.start, call.started_at, priced ? call.charge.cost : 0);
}

Task<void> CallWriter::Write(BatchPtr batch, size_t journal) {
  const auto all = co_await store_.Write(
      [batch, texts = texts_](store::Db& db) -> Result<void> {
        ASSIGN_OR_RETURN(const Budgets budgets, AnyBudgets(db));
        for (Change& change : batch->changes) {
          change.outcome = Apply(db, texts, budgets, change);
          if (!*change.outcome) return change.outcome->error();
        }
        return Ok();
      },
      store::Durability::kProcess);
  const bool whole = all || co_await WriteEach(batch);
  if (!whole) {
    failed_ = true;
    co_return;
  }
  Result<void> cleared = Ok();
  for (size_t i = 0; i < journals_.size(); ++i) {
    const bool done = failed_ || i == journal;
    if (journals_[i] != nullptr && done && cleared) cleared = journals_[i]->Clear();
  }
  failed_ = !cleared;
  if (!cleared) log::Error("bridge.journal_failed", {{"error", cleared.error().message()}});
}

// What one of them cannot be written for is no reason for the others. A call whose row is not there
// yet is tried again; its end, if this was it, is told as failed.
Task<bool> CallWriter::WriteEach(BatchPtr batch) {
  bool whole = true;
  for (size_t i = 0; i < batch->changes.size(); ++i) {
    auto one = co_await store_.Write(
        [batch, i, texts = texts_](store::Db& db) {
          return Apply(db, texts, Budgets::kSome, batch->changes[i]);
        },
        store::Durability::kProcess);
    Change& change = batch->changes[i];
    if (!one && change.call.end.outcome != Outcome::kRefused) {
      if (std::exchange(whole, false)) {
        log::Error("bridge.row_not_written", {{"error", one.error().message()}});
      }
      Call begun;
      begun.id = change.call.id;
      begun.start = change.call.start;
      begun.started_at = change.call.started_at;
      Add({std::move(begun), {}, std::nullopt});
    }
    change.outcome = std::move(one);
  }
  co_return whole;
}

}  // namespace cove::bridge
