// Goal: units of work are atomic, survive a crash, and a database that cannot be used says why.
// Method: real SQLite files in a temporary folder; a crash is a killed child process; the disk of
// fdatasync is the test's own.
#include "store/store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>

#include "async/task_group.h"
#include "base/testing.h"

namespace {
std::atomic<int> g_flushes{0};
std::atomic<bool> g_disk_fails{false};
}  // namespace

// In place of the C library's.
extern "C" int fdatasync(int fd) {
  ++g_flushes;
  if (g_disk_fails) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(syscall(SYS_fdatasync, fd));
}

namespace cove::store {
namespace {

using ::testing::HasSubstr;

const Migrations kOne = {
    {"test", 1, "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"}};
const Migrations kTwo = {
    kOne[0], {"test", 2, "ALTER TABLE item ADD COLUMN note TEXT NOT NULL DEFAULT 'none';"}};

class StoreTest : public ::testing::Test {
 protected:
  Result<void> Add(Store& store, std::string name, Durability durability = Durability::kProcess) {
    return loop_.RunUntil(store.Write(
        [name](Db& db) -> Result<void> {
          RETURN_IF_ERROR(db.Run("INSERT INTO item (name) VALUES ($1)", {name}));
          return Ok();
        },
        durability));
  }
  int64_t Count(Store& store) {
    auto n = loop_.RunUntil(store.Read([](Db& db) -> Result<int64_t> {
      ASSIGN_OR_RETURN(Rows rows, db.Query("SELECT count(*) FROM item"));
      return rows[0][0].Int();
    }));
    return n.ok() ? *n : -1;
  }

  async::Loop loop_;
  TempDir folder_;
  const std::string path_ = folder_ / "cove.db";
};

TEST_F(StoreTest, KeepsRowsOverAReopening) {
  {
    auto store = OpenSqlite(path_, kOne);
    ASSERT_TRUE(store.ok()) << store.error().message();
    ASSERT_TRUE(Add(**store, "a", Durability::kMachine).ok());
  }
  auto store = OpenSqlite(path_, kOne);
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(Count(**store), 1);
}

TEST_F(StoreTest, AFailedUnitLeavesNothingAndDoesNotHurtItsNeighbours) {
  auto store = *OpenSqlite(path_, kOne);
  ASSERT_TRUE(Add(*store, "a").ok());
  auto failed = loop_.RunUntil(store->Write([](Db& db) -> Result<void> {
    RETURN_IF_ERROR(db.Run("INSERT INTO item (name) VALUES ('b')"));
    RETURN_IF_ERROR(db.Run("INSERT INTO item (name) VALUES ('a')"));
    return Ok();
  }));
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code(), Code::kConflict);
  EXPECT_EQ(Count(*store), 1);
  EXPECT_TRUE(Add(*store, "b").ok());
}

async::Task<void> AddMany(Store& store, int from, int n, int* failures) {
  for (int i = from; i < from + n; ++i) {
    auto added = co_await store.Write([i](Db& db) -> Result<void> {
      RETURN_IF_ERROR(db.Run("INSERT INTO item (name) VALUES ($1)", {std::to_string(i % 90)}));
      return Ok();
    });
    if (!added.ok()) ++*failures;
  }
}

TEST_F(StoreTest, ConcurrentWritersShareCommitsAndOnlyTheClashingOnesFail) {
  auto store = *OpenSqlite(path_, kOne);
  int failures = 0;
  async::TaskGroup group;
  for (int w = 0; w < 10; ++w) group.Spawn(AddMany(*store, w * 10, 10, &failures));
  loop_.RunUntil(group.Join());
  EXPECT_EQ(failures, 10);
  EXPECT_EQ(Count(*store), 90);
}

TEST_F(StoreTest, ParametersAreBoundByNumberAndKeepTheirTypes) {
  auto store = *OpenSqlite(path_, kOne);
  auto row = loop_.RunUntil(store->Read([](Db& db) -> Result<Row> {
    ASSIGN_OR_RETURN(Rows rows, db.Query("SELECT $2, $1, $3, $4", {7, "text", nullptr, 1.5}));
    return rows[0];
  }));
  ASSERT_TRUE(row.ok());
  EXPECT_EQ((*row)[0].Text(), "text");
  EXPECT_EQ((*row)[1].Int(), 7);
  EXPECT_TRUE((*row)[2].is_null());
  EXPECT_EQ((*row)[3].Real(), 1.5);
}

TEST_F(StoreTest, AConfirmedRowSurvivesAKillOfTheProcess) {
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    async::Loop loop;
    auto store = *OpenSqlite(path_, kOne);
    (void)loop.RunUntil(store->Write(
        [](Db& db) -> Result<void> {
          RETURN_IF_ERROR(db.Run("INSERT INTO item (name) VALUES ('kept')"));
          return Ok();
        },
        Durability::kProcess));
    (void)!::write(ready[1], "x", 1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  auto store = OpenSqlite(path_, kOne);
  ASSERT_TRUE(store.ok()) << store.error().message();
  EXPECT_EQ(Count(**store), 1);
}

// Waits for the store's thread to flush once more.
bool FlushesSoon(int before) {
  const TimePoint deadline = Now() + 10 * Store::kFlushWithin;
  while (g_flushes == before && Now() < deadline) ::usleep(5000);
  return g_flushes > before;
}

TEST_F(StoreTest, WhatNobodyFlushedIsFlushedSoon) {
  auto store = *OpenSqlite(path_, kOne);
  const int before = g_flushes;
  ASSERT_TRUE(Add(*store, "a").ok());
  EXPECT_EQ(g_flushes, before) << "nobody waits for the disk";
  EXPECT_TRUE(FlushesSoon(before));
}

TEST_F(StoreTest, AfterAFailedFlushNoWriteIsConfirmedUntilTheDiskTakesOne) {
  auto store = *OpenSqlite(path_, kOne);
  const int before = g_flushes;
  g_disk_fails = true;
  ASSERT_TRUE(Add(*store, "a").ok());
  EXPECT_TRUE(FlushesSoon(before));
  EXPECT_EQ(Add(*store, "b").error().code(), Code::kIo);
  EXPECT_TRUE(store->in_doubt());
  const std::string log = path_ + "-wal";
  EXPECT_GT(std::filesystem::file_size(log), 0u);
  g_disk_fails = false;
  EXPECT_TRUE(Add(*store, "c").ok());
  EXPECT_FALSE(store->in_doubt());
  EXPECT_EQ(std::filesystem::file_size(log), 0u) << "another flush would not write what was lost";
  EXPECT_EQ(Count(*store), 3);
}

TEST_F(StoreTest, MigratesForwardsAndKeepsWhatIsThere) {
  {
    auto store = *OpenSqlite(path_, kOne);
    ASSERT_TRUE(Add(*store, "old").ok());
  }
  auto store = *OpenSqlite(path_, kTwo);
  auto note = loop_.RunUntil(store->Read([](Db& db) -> Result<std::string> {
    ASSIGN_OR_RETURN(Rows rows, db.Query("SELECT note FROM item"));
    return rows[0][0].Text();
  }));
  EXPECT_EQ(*note, "none");
}

TEST_F(StoreTest, RefusesADatabaseOfANewerProgram) {
  {
    (void)*OpenSqlite(path_, kTwo);
  }
  auto store = OpenSqlite(path_, kOne);
  ASSERT_FALSE(store.ok());
  EXPECT_THAT(store.error().message(), HasSubstr("newer cove"));
  EXPECT_THAT(store.error().message(), HasSubstr("--data"));
}

TEST_F(StoreTest, AFailedMigrationLeavesTheOldSchema) {
  {
    (void)*OpenSqlite(path_, kOne);
  }
  const Migrations broken = {
      kOne[0], {"test", 2, "ALTER TABLE item ADD COLUMN note TEXT; SELECT nonsense FROM nowhere;"}};
  auto store = OpenSqlite(path_, broken);
  ASSERT_FALSE(store.ok());
  EXPECT_THAT(store.error().message(), HasSubstr("migration 2 of room test"));
  EXPECT_TRUE(OpenSqlite(path_, kTwo).ok());
}

TEST_F(StoreTest, SaysWhatToDoWithAFileThatIsNoDatabase) {
  std::ofstream(path_) << std::string(8192, 'x');
  auto store = OpenSqlite(path_, kOne);
  ASSERT_FALSE(store.ok());
  EXPECT_THAT(store.error().message(), HasSubstr("damaged"));
  EXPECT_THAT(store.error().message(), HasSubstr(path_));
}

TEST_F(StoreTest, SaysWhoMustOwnAFolderThatIsNotThere) {
  auto store = OpenSqlite(folder_ / "missing/cove.db", kOne);
  ASSERT_FALSE(store.ok());
  EXPECT_THAT(store.error().message(), HasSubstr("must belong to"));
}

TEST_F(StoreTest, AUnitGoesOnWhenItsCallerIsCancelled) {
  auto store = *OpenSqlite(path_, kOne);
  {
    async::TaskGroup group;
    int failures = 0;
    group.Spawn(AddMany(*store, 0, 1, &failures));
    loop_.RunUntil([]() -> async::Task<void> { co_await async::Yield(); }());
  }
  ASSERT_TRUE(loop_.RunUntil(store->Flush()).ok());
  EXPECT_EQ(Count(*store), 1);
}

}  // namespace
}  // namespace cove::store
