// CallWriter: the way of the rows of calls into the store.
//
// Concept: nobody waits for the database who need not. A call that begins is one record in a
// journal (store/journal.h), which is there when the process dies; its row follows within kGather,
// together with those of all that began or ended meanwhile, in one transaction. A call that has
// ended by then is one row, written once. Who has to know that a row is there (a budget, a reader)
// says so, and it is written at once.
// There are two journals: while the rows of one are written, calls go into the other; it is cleared
// when its rows are committed. Where a journal or the store has failed, or there is no journal,
// each call waits for its own row, until the store takes rows again. What is not in the store when
// the process dies: ends of the last kGather. Recover() gives their calls rows without an end.
// Thread: loop-confined. The store must outlive the object.
#pragma once

#include <array>
#include <unordered_map>

#include "async/task_group.h"
#include "bridge/call_log.h"
#include "store/journal.h"

namespace cove::bridge {

class CallWriter {
 public:
  static constexpr Duration kGather = milliseconds(5);
  static constexpr Duration kRetry = seconds(1);  // after the store has refused

  CallWriter(store::Store& store, TextMode texts);
  ~CallWriter();
  CallWriter(const CallWriter&) = delete;

  // Opens the journals, "calls.0" and "calls.1" in `folder` (empty: there are none), and writes the
  // rows that a former process left in them: before the first call. Blocks for their files.
  Task<Result<void>> Recover(std::string folder);

  // The row is safe from the process's death when this returns.
  Task<Result<void>> Begin(Call call);
  using When = CallLog::When;
  // Returns when the row is in the store. Of `call`, ended_at is set.
  Task<Result<std::vector<Spent>>> End(Call call, Said said, When when);
  // Returns when all that came before is in the store, or has failed.
  Task<void> Flush();

 private:
  struct Change {
    Call call;  // without ended_at: it has begun
    Said said;
    std::optional<Result<std::vector<Spent>>> outcome;
  };
  struct Batch {
    std::vector<Change> changes;
    std::unordered_map<std::string, size_t> begun;  // by id: what may still end in this batch
    async::Event written;
  };
  using BatchPtr = std::shared_ptr<Batch>;

  size_t Add(Change change);
  void Want(When when);
  Task<void> Work();
  // `journal`: which has the records of the calls that begin in it.
  Task<void> Write(BatchPtr batch, size_t journal);
  Task<bool> WriteEach(BatchPtr batch);
  enum class Budgets { kNone, kSome };
  static Result<Budgets> AnyBudgets(store::Db& db);
  static Result<std::vector<Spent>> Apply(store::Db& db, TextMode texts, Budgets budgets,
                                          Change& change);

  store::Store& store_;
  const TextMode texts_;
  std::array<std::unique_ptr<store::Journal>, 2> journals_;  // null: none
  size_t active_ = 0;
  bool failed_ = false;  // some rows are in journals only, which are left as they are
  std::string record_;
  BatchPtr next_ = std::make_shared<Batch>();
  BatchPtr writing_;
  bool now_ = false;
  async::Event wanted_;
  async::Event urgent_;
  bool working_ = false;
  async::TaskGroup group_;  // last: its task uses all the others
};

}  // namespace cove::bridge
