// Store: the durable state of the front, behind one interface.
//
// Concept: a unit of work is a function that gets a Db and returns a Result. Units run one after
// the other on the store's own thread; the caller's coroutine waits and resumes on its loop. A
// Write is atomic: it is committed whole when its function returns ok, rolled back when it returns
// an error. Writes that wait at the same time share one commit; a Read sees what is committed, so
// one that follows a Write must wait for it. A caller that is cancelled does not stop its unit, so
// the function owns all it touches (values, never references to the caller).
//
//   auto name = co_await store.Read([id](store::Db& db) -> Result<std::string> {
//     ASSIGN_OR_RETURN(auto rows, db.Query("SELECT name FROM sandbox WHERE id = $1", {id}));
//     …
//   });
//
// Thread: Read and Write are called on a loop; the object may be shared by loops.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "async/event.h"
#include "store/db.h"

namespace cove::store {

using async::Task;

// What a Write that has returned ok survives. kProcess: a crash of Cove, and within kFlushWithin
// that of the machine; for rows that only say what is under way or what can be found out again, and
// for those that come too often. kMachine: a power cut, too, at once; it also makes all earlier
// writes so. Costs one fsync per commit.
enum class Durability { kProcess, kMachine };

// One step of a room's schema. Rooms list theirs in order, versions 1, 2, 3, …; a published step
// is never changed.
struct Migration {
  std::string_view room;
  int version = 1;
  std::string_view sql;  // any number of statements; tables are STRICT
};
using Migrations = std::vector<Migration>;

class Store {
 public:
  static constexpr Duration kFlushWithin = seconds(1);
  virtual ~Store() = default;

  // The disk did not take a flush: until all of the log is in the database, every write tries that.
  // Thread: any.
  virtual bool in_doubt() const = 0;

  // `fn` is called with a Db& and returns a Result<T>; gives that.
  template <class Fn>
  auto Read(Fn fn) -> Task<std::invoke_result_t<Fn, Db&>> {
    return Perform(std::move(fn), Kind::kRead);
  }
  template <class Fn>
  auto Write(Fn fn, Durability durability = Durability::kMachine)
      -> Task<std::invoke_result_t<Fn, Db&>> {
    return Perform(std::move(fn),
                   durability == Durability::kMachine ? Kind::kFlushedWrite : Kind::kWrite);
  }
  // Waits until all writes made before survive a power cut.
  Task<Result<void>> Flush() {
    return Perform([](Db&) -> Result<void> { return Ok(); }, Kind::kFlushedWrite);
  }

 protected:
  enum class Kind { kRead, kWrite, kFlushedWrite };
  struct Job {
    Kind kind = Kind::kRead;
    // On the store's thread. An error rolls a write back.
    std::function<Result<void>(Db&)> run;
    // On the store's thread, once the outcome is final: `commit` fails if the work went well but
    // could not be committed.
    std::function<void(Result<void> commit)> done;
  };
  virtual void Submit(Job job) = 0;

 private:
  template <class Fn>
  Task<std::invoke_result_t<Fn, Db&>> Perform(Fn fn, Kind kind);
};

// Opens or creates the SQLite database at `path` and brings it to the schema of `migrations`.
// Blocks: for start-up and tests. Errors say what to do: a file that is no database, is damaged,
// was made by a newer Cove, or cannot be written. ":memory:" is for tests.
Result<std::unique_ptr<Store>> OpenSqlite(const std::string& path, const Migrations& migrations);

template <class Fn>
Task<std::invoke_result_t<Fn, Db&>> Store::Perform(Fn fn, Kind kind) {
  using R = std::invoke_result_t<Fn, Db&>;
  struct State {
    std::optional<R> value;
    async::Event* done = nullptr;  // null once the caller is gone; touched on the loop only
  };
  auto state = std::make_shared<State>();
  async::Event done;
  struct Detach {
    State* state;
    ~Detach() { state->done = nullptr; }
  } detach{state.get()};
  state->done = &done;
  async::Loop* loop = &async::Loop::Current();
  Job job;
  job.kind = kind;
  job.run = [state, fn = std::move(fn)](Db& db) mutable -> Result<void> {
    state->value.emplace(fn(db));
    if (!state->value->ok()) return state->value->error();
    return Ok();
  };
  job.done = [state, loop](Result<void> commit) {
    if (!commit.ok() && (!state->value || state->value->ok())) {
      state->value.emplace(std::move(commit).error());
    }
    loop->Post([state] {
      if (state->done != nullptr) state->done->Set();
    });
  };
  Submit(std::move(job));
  co_await done.Wait();
  co_return std::move(*state->value);
}

}  // namespace cove::store
