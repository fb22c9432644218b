// Goal: a call that has begun is known to the next process however this one ends, its row is
// written once and soon, and what the store does not take holds up nothing else and is not lost.
// Method: a store and journals in a directory of the test's own; objects that are dropped in the
// middle; a trigger that refuses rows, and a limit on the size of files as the full disk.
#include "bridge/call_writer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "base/testing.h"
#include "bridge/call_record.h"

namespace cove::bridge {
namespace {

CallStart Start(std::string model = "m") {
  CallStart start;
  start.org = OrgId("org");
  start.sandbox = SandboxId("box");
  start.user = "ann";
  start.template_name = "host";
  start.key_id = "key";
  start.token_id = "token";
  start.provider = "openai";
  start.api = "responses";
  start.model = std::move(model);
  start.stream = true;
  start.client = "codex";
  start.session = "s1";
  start.thread = "t1";
  start.turn = "u1";
  start.request_bytes = 12345;
  return start;
}

class CallWriterTest : public testing::Test {
 protected:
  CallWriterTest() : store_(*store::OpenSqlite(dir_ / "db", kMigrations)) { Open(); }
  // As a new process.
  void Open() {
    log_.reset();
    log_ = std::make_unique<CallLog>(*store_);
    ASSERT_TRUE(loop_.RunUntil(log_->Recover(dir_.path())));
  }
  Call Begin(std::string model = "m") { return *loop_.RunUntil(log_->Begin(Start(model))); }
  Result<std::vector<Spent>> Finish(Call call, CallLog::When when = CallLog::When::kSoon) {
    Said said;
    said.prompt = "hello";
    return loop_.RunUntil(log_->Finish(std::move(call), std::move(said), when));
  }
  // What the database has, whatever waits on its way there.
  int64_t Rows(const std::string& where = "1") {
    return *loop_.RunUntil(store_->Read([where](store::Db& db) -> Result<int64_t> {
      ASSIGN_OR_RETURN(const auto rows, db.Query("SELECT COUNT(*) FROM ai_call WHERE " + where));
      return rows[0][0].Int();
    }));
  }
  void Sql(std::string sql) {
    ASSERT_TRUE(loop_.RunUntil(store_->Write([sql](store::Db& db) { return db.Run(sql); })));
  }
  std::vector<Call> List() {
    CallFilter filter;
    filter.org = OrgId("org");
    return *loop_.RunUntil(log_->List(filter));
  }

  async::Loop loop_;
  TempDir dir_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<CallLog> log_;
};

TEST_F(CallWriterTest, ACallThatBeganIsThereForTheNextProcessWithAllThatWasKnown) {
  const Call call = Begin();
  EXPECT_EQ(Rows(), 0) << "nobody has waited for the database";
  Open();
  const auto open = loop_.RunUntil(log_->ListOpen());
  ASSERT_EQ(open->size(), 1U);
  const Call& found = open->front();
  EXPECT_EQ(found.id, call.id);
  EXPECT_EQ(found.started_at.micros, call.started_at.micros);
  const CallStart wanted = Start();
  const CallStart& start = found.start;
  EXPECT_EQ(start.org, wanted.org);
  EXPECT_EQ(start.sandbox, wanted.sandbox);
  EXPECT_EQ(start.user + start.template_name + start.key_id + start.token_id,
            wanted.user + wanted.template_name + wanted.key_id + wanted.token_id);
  EXPECT_EQ(start.provider + start.api + start.model, wanted.provider + wanted.api + wanted.model);
  EXPECT_EQ(start.client + start.session + start.thread + start.turn, "codexs1t1u1");
  EXPECT_TRUE(start.stream);
  EXPECT_EQ(start.request_bytes, wanted.request_bytes);
  Open();
  EXPECT_EQ(Rows(), 1) << "and comes back once";
}

TEST_F(CallWriterTest, ItsRowFollowsAndItsEndIsWrittenOnce) {
  const Call one = Begin();
  const Call two = Begin();
  ASSERT_TRUE(Finish(one));
  EXPECT_EQ(Rows(), 2) << "with those that began meanwhile";
  EXPECT_EQ(Rows("ended_at IS NULL"), 1);
  ASSERT_TRUE(Finish(two, CallLog::When::kNow));
  EXPECT_EQ(Rows("ended_at IS NULL"), 0);
  EXPECT_EQ(loop_.RunUntil(log_->ReadSaid(OrgId("org"), std::nullopt, one.id))->prompt, "hello");
  Open();
  EXPECT_EQ(Rows("ended_at IS NULL"), 0) << "no journal has it as open any more";
  EXPECT_EQ(Rows(), 2);
}

TEST_F(CallWriterTest, WhoReadsSeesWhatCameBefore) {
  const Call call = Begin();
  ASSERT_EQ(List().size(), 1U);
  EXPECT_FALSE(List().front().ended_at);
  async::TaskGroup group;
  group.Spawn([](CallLog* log, Call ended) -> Task<void> {
    (void)co_await log->Finish(std::move(ended), {}, CallLog::When::kSoon);
  }(log_.get(), call));
  loop_.RunUntil([](CallLog* log) -> Task<void> {
    co_await async::Yield();
    co_await log->Flush();
  }(log_.get()));
  EXPECT_EQ(Rows("ended_at IS NOT NULL"), 1);
}

TEST_F(CallWriterTest, ManyCallsAreFewWritesAndNoneIsMissed) {
  constexpr int kCalls = 500;
  async::TaskGroup group;
  for (int i = 0; i < kCalls; ++i) {
    group.Spawn([](CallLog* log, int n) -> Task<void> {
      auto call = co_await log->Begin(Start("m" + std::to_string(n)));
      co_await async::Sleep(milliseconds(n % 17));
      EXPECT_TRUE(call && co_await log->Finish(*call, {}, CallLog::When::kSoon));
    }(log_.get(), i));
  }
  loop_.RunUntil([](async::TaskGroup* all) -> Task<void> { co_await all->Join(); }(&group));
  EXPECT_EQ(Rows("ended_at IS NOT NULL"), kCalls);
  EXPECT_EQ(Rows("model = 'm7'"), 1);
}

TEST_F(CallWriterTest, ARowThatIsNotTakenHoldsUpNoOtherAndIsTriedAgain) {
  Sql("CREATE TRIGGER no BEFORE INSERT ON ai_call WHEN NEW.model = 'bad' BEGIN "
      "SELECT RAISE(ABORT, 'not this one'); END");
  const Call bad = Begin("bad");
  const Call good = Begin("good");
  EXPECT_TRUE(Finish(good));
  EXPECT_EQ(Rows("model = 'good' AND ended_at IS NOT NULL"), 1);
  EXPECT_FALSE(Finish(bad, CallLog::When::kNow)) << "who waits is told";
  const auto slow = loop_.RunUntil(log_->Begin(Start("bad")));
  EXPECT_FALSE(slow) << "nor may a call begin whose row is not taken";
  EXPECT_TRUE(loop_.RunUntil(log_->Begin(Start("other"))));
  EXPECT_EQ(Rows("model = 'other'"), 1) << "meanwhile each waits for its own row";
  Sql("DROP TRIGGER no");
  loop_.RunUntil(log_->Flush());
  EXPECT_EQ(Rows("model = 'bad' AND ended_at IS NULL"), 1) << "it was not lost";
  Open();
  EXPECT_EQ(Rows("model = 'bad'"), 1);
}

TEST_F(CallWriterTest, WhereNothingCanBeWrittenNoCallBegins) {
  (void)std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit none = before;
  none.rlim_cur = 1;
  setrlimit(RLIMIT_FSIZE, &none);
  const auto refused = loop_.RunUntil(log_->Begin(Start()));
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_FALSE(refused);
  EXPECT_TRUE(loop_.RunUntil(log_->Begin(Start())));
  EXPECT_EQ(List().size(), 1U);
}

TEST_F(CallWriterTest, WithoutJournalsTheRowIsThereBeforeTheCall) {
  CallLog plain(*store_);
  ASSERT_TRUE(loop_.RunUntil(plain.Begin(Start())));
  EXPECT_EQ(Rows("ended_at IS NULL"), 1);
}

TEST(CallRecordTest, ARecordIsReadWholeOrNotAtAll) {
  Call call;
  call.id = "0195f5b6-3ba2-7123-8abc-0123456789ab";
  call.start = Start(std::string(1000, 'x'));
  call.started_at = WallTime{1'234'567'890'123'456};
  std::string record;
  WriteRecord(call, record);
  const auto read = ReadRecord(record);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->start.model.size(), CallLog::kNameBytesMax) << "a name has its bound here, too";
  for (size_t cut = 0; cut < record.size(); ++cut) EXPECT_FALSE(ReadRecord(record.substr(0, cut)));
  EXPECT_FALSE(ReadRecord(record + "x"));
  record[0] = 9;
  EXPECT_FALSE(ReadRecord(record)) << "another version's";
}

}  // namespace
}  // namespace cove::bridge
