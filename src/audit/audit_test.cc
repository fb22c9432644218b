// Goal: a decision that was confirmed is on the disk and chained; a damaged file is noticed; a
// failing disk refuses. Method: logs in a directory of the test, reopened, cut and edited.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "audit/history.h"
#include "audit/log.h"
#include "audit/query.h"
#include "base/testing.h"

namespace cove::audit {
namespace {

// While it lives no file grows over so many bytes.
class FullDisk {
 public:
  explicit FullDisk(size_t bytes_max) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit tight = before_;
    tight.rlim_cur = bytes_max;
    setrlimit(RLIMIT_FSIZE, &tight);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }
  FullDisk(const FullDisk&) = delete;

 private:
  rlimit before_{};
};

class AuditTest : public ::testing::Test {
 protected:
  std::unique_ptr<Log> Open(LogLimits limits = {}) {
    auto log = Log::Open(directory_.path(), pool_, limits);
    EXPECT_TRUE(log) << (log ? "" : log.error().message());
    return log ? std::move(*log) : nullptr;
  }
  static Record Make(std::string sandbox, std::string host) {
    Record r;
    r.sandbox = SandboxId(std::move(sandbox));
    r.channel = "tls";
    r.host = std::move(host);
    r.port = 443;
    r.reason = "no_rule";
    return r;
  }
  std::vector<Record> Last(std::string sandbox, size_t count) {
    Filter filter;
    filter.sandbox = SandboxId(std::move(sandbox));
    return std::move(ReadPage(directory_.path(), filter, 0, count)->records);
  }
  std::string LastFile() { return ListSegments(directory_.path())->back(); }

  async::Loop loop_;
  async::ThreadPool pool_{1};
  TempDir directory_;
};

TEST_F(AuditTest, ARecordSurvivesItsLine) {
  Record r = Make("s1", "a.test");
  r.seq = 9;
  r.time.micros = 1'700'000'000'000'000;
  r.kind = Kind::kClose;
  r.allow = true;
  r.claimed = "33.0.1.2";
  r.rule = "*.a.test:443";
  r.layer = "server";
  r.user = "admin";
  r.method = "GET";
  r.path = "/x";
  r.detail = "x";
  r.repeats = 2;
  r.decision = 8;
  r.address = "203.0.113.20";
  r.bytes_in = 1;
  r.bytes_out = 2;
  r.requests = 3;
  r.duration_micros = 4;
  const auto line = ParseLine(WriteLine(r, kGenesis));
  ASSERT_TRUE(line);
  EXPECT_EQ(line->record, r);
  EXPECT_EQ(line->prev, kGenesis);
}

TEST_F(AuditTest, WhatOnlyTellsDecidesNothing) {
  Record oom = Make("s1", "");
  oom.kind = Kind::kOom;
  oom.kills = 3;
  Record down = Make("s1", "");
  down.kind = Kind::kDown;
  down.detail = "not enough memory";
  for (auto [r, kind] : {std::pair(oom, R"("kind":"oom")"), std::pair(down, R"("kind":"down")")}) {
    r.seq = 9;
    r.allow = false;
    const std::string text = WriteLine(r, kGenesis);
    EXPECT_NE(text.find(kind), std::string::npos) << text;
    EXPECT_EQ(text.find("allow"), std::string::npos) << text;
    const auto line = ParseLine(text);
    ASSERT_TRUE(line);
    EXPECT_EQ(line->record, r);
  }
}

TEST_F(AuditTest, NoTextCanForgeALine) {
  EXPECT_EQ(CleanText("a\r\n{\"seq\":1}\x1b[2J\xff\\"), "a\\x0d\\x0a{\"seq\":1}\\x1b[2J\\xff\\\\");
  EXPECT_LE(CleanText(std::string(1 << 20, '\n')).size(), kFieldBytesMax);
  auto log = Open();
  ASSERT_TRUE(loop_.RunUntil(log->Append(Make("s1", "evil\n\"}\x80" + std::string(1 << 20, 'x')))));
  EXPECT_EQ(VerifyChain(directory_.path())->seq, 1u);
}

Task<std::vector<Result<uint64_t>>> AppendMany(Log* log, int n, Record record) {
  std::vector<Result<uint64_t>> out;
  for (int i = 0; i < n; ++i) out.push_back(co_await log->Append(record));
  co_return out;
}

TEST_F(AuditTest, TheChainGoesOnAfterReopeningAndOverFiles) {
  LogLimits small;
  small.segment_bytes_max = 700;
  for (int round = 0; round < 3; ++round) {
    auto log = Open(small);
    const auto seqs = loop_.RunUntil(AppendMany(log.get(), 5, Make("s1", "a.test")));
    EXPECT_EQ(*seqs.back(), static_cast<uint64_t>(5 * (round + 1)));
  }
  EXPECT_GT(ListSegments(directory_.path())->size(), 3u);
  EXPECT_EQ(VerifyChain(directory_.path())->seq, 15u);
}

Task<void> AppendTogether(Log* log, int n, Record record) {
  for (int i = 0; i < n; ++i) log->AppendLater(record);
  co_await log->Flush();
}

Task<void> TwoTurns() {
  co_await async::Yield();
  co_await async::Yield();
}
// Who waits for its record is told after this one.
Task<void> UntilItIsDurable(Log* log) { (void)co_await log->WaitPast(log->last_seq()); }

// Whoever appended goes after `meanwhile`.
Task<void> AppendAndGo(Log* log, Record record, Task<void> meanwhile) {
  async::TaskGroup group;
  group.Spawn([](Log* to, Record one) -> Task<void> { (void)co_await to->Append(std::move(one)); }(
                                          log, std::move(record)));
  co_await std::move(meanwhile);
  group.Clear();
  co_await log->Flush();
}

TEST_F(AuditTest, AnAllowedDecisionThatNobodyWaitedForIsClosedOnRecord) {
  auto log = Open();
  Record decision = Make("s1", "a.test");
  decision.allow = true;
  loop_.RunUntil(AppendAndGo(log.get(), decision, TwoTurns()));
  const auto rows = Last("s1", 10);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].kind, Kind::kClose);
  EXPECT_EQ(rows[1].decision, rows[0].seq);
  EXPECT_EQ(rows[1].reason, "client_closed");
  EXPECT_EQ(rows[1].host, "a.test");
}

TEST_F(AuditTest, SoIsOneWhoseWaiterGoesWhenItIsDurableAlready) {
  auto log = Open();
  Record decision = Make("s1", "a.test");
  decision.allow = true;
  loop_.RunUntil(AppendAndGo(log.get(), decision, UntilItIsDurable(log.get())));
  const auto rows = Last("s1", 10);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].kind, Kind::kClose);
  EXPECT_EQ(rows[1].decision, rows[0].seq);
}

TEST_F(AuditTest, APageGivesTheLastOfOneSandboxInOrder) {
  LogLimits small;
  small.segment_bytes_max = 4000;
  auto log = Open(small);
  for (int i = 0; i < 20; ++i) {
    loop_.RunUntil(AppendTogether(log.get(), 1, Make("s1", "h" + std::to_string(i) + ".test")));
    loop_.RunUntil(AppendTogether(log.get(), 3, Make("s2", "other.test")));
  }
  const auto last = Last("s1", 5);
  ASSERT_EQ(last.size(), 5u);
  EXPECT_EQ(last.front().host, "h15.test");
  EXPECT_EQ(last.back().host, "h19.test");
  EXPECT_TRUE(Last("nobody", 5).empty());
}

TEST_F(AuditTest, ATornLastLineIsCutAway) {
  {
    loop_.RunUntil(AppendMany(Open().get(), 2, Make("s1", "a.test")));
  }
  std::ofstream(LastFile(), std::ios::app) << "{\"seq\":3,\"half";
  auto log = Open();
  EXPECT_EQ(log->last_seq(), 2u);
  EXPECT_EQ(*loop_.RunUntil(log->Append(Make("s1", "b.test"))), 3u);
  EXPECT_EQ(VerifyChain(directory_.path())->seq, 3u);
}

TEST_F(AuditTest, AFailingDiskRefusesAndRecovers) {
  auto log = Open();
  ASSERT_TRUE(loop_.RunUntil(log->Append(Make("s1", "a.test"))));
  std::optional<FullDisk> full(std::filesystem::file_size(LastFile()) + 20);
  const auto refused = loop_.RunUntil(log->Append(Make("s1", "b.test")));
  full.reset();
  EXPECT_FALSE(refused);
  EXPECT_EQ(*loop_.RunUntil(log->Append(Make("s1", "c.test"))), 2u);
  EXPECT_EQ(VerifyChain(directory_.path())->seq, 2u);
}

TEST_F(AuditTest, WhatNobodyWaitsForIsTriedAgainAfterTheDiskFailed) {
  auto log = Open();
  Record decision = Make("s1", "a.test");
  decision.allow = true;
  decision.seq = *loop_.RunUntil(log->Append(decision));
  std::optional<FullDisk> full(std::filesystem::file_size(LastFile()) + 20);
  log->AppendLater(CloseOf(decision));
  loop_.RunUntil(log->Flush());
  const auto refused = loop_.RunUntil(log->Append(Make("s1", "b.test")));
  full.reset();
  EXPECT_FALSE(refused);
  EXPECT_EQ(log->last_seq(), 1u);
  loop_.RunUntil(log->Flush());
  const auto rows = Last("s1", 10);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].kind, Kind::kClose);
  EXPECT_EQ(rows[1].decision, 1u);
  EXPECT_EQ(VerifyChain(directory_.path())->seq, 2u);
}

TEST_F(AuditTest, TooManyWaitingRecordsAreRefused) {
  LogLimits limits;
  limits.pending_max = 2;
  auto log = Open(limits);
  loop_.RunUntil(AppendTogether(log.get(), 3, Make("s1", "a.test")));
  EXPECT_EQ(log->last_seq(), 2u);
  limits.pending_max = 0;
  const auto refused = loop_.RunUntil(Open(limits)->Append(Make("s1", "c.test")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kExhausted);
}

class PrunedAuditTest : public AuditTest {
 protected:
  static constexpr uint64_t kMost = 6000;
  void Fill(int n) {
    LogLimits limits;
    limits.segment_bytes_max = 1500;
    limits.disk_bytes_max = kMost;
    log_ = Open(limits);
    loop_.RunUntil(AppendMany(log_.get(), n, Make("s1", "a.test")));
    // The end of one more file may be announced by the last record.
    while (Bytes() > kMost + 1500) loop_.RunUntil(Pause());
  }
  static Task<void> Pause() { co_await async::Sleep(milliseconds(1)); }
  uint64_t Bytes() {
    uint64_t all = 0;
    const auto segments = ListSegments(directory_.path());
    for (const std::string& path : *segments) {
      std::error_code gone;
      const auto size = std::filesystem::file_size(path, gone);
      if (!gone) all += size;
    }
    return all;
  }
  std::vector<std::string> Lines(uint64_t from) {
    Reader reader = *Reader::Open(directory_.path(), from);
    std::vector<std::string> all;
    for (;;) {
      const auto some = reader.Next(log_->last_seq());
      EXPECT_TRUE(some) << some.error().message();
      if (!some || some->empty()) return all;
      all.insert(all.end(), some->begin(), some->end());
    }
  }
  std::string Verdict(std::optional<Head> wanted = std::nullopt) {
    const auto head = VerifyChain(directory_.path(), std::move(wanted));
    return head ? "whole" : head.error().message();
  }
  std::unique_ptr<Log> log_;
};

TEST_F(PrunedAuditTest, TheOldestFilesGoAndTheRestIsProvenFromWhereItBegins) {
  Fill(200);
  const uint64_t first = *SeqOfLine(Lines(1).front());
  EXPECT_GT(first, 100u);
  EXPECT_EQ(Lines(1).size(), log_->last_seq() - first + 1);
  EXPECT_EQ(Verdict(log_->head()), "whole");
  // Everything that went was told, and the last of it with its hash.
  std::vector<Record> told;
  const std::vector<std::string> lines = Lines(1);
  for (const std::string& line : lines) {
    const Record record = ParseLine(line)->record;
    if (record.kind == Kind::kPruned) told.push_back(record);
  }
  ASSERT_FALSE(told.empty());
  EXPECT_TRUE(std::any_of(told.begin(), told.end(), [&](const Record& one) {
    return one.removed_to == first - 1 && one.removed_hash == ParseLine(Lines(1).front())->prev;
  }));
}

TEST_F(PrunedAuditTest, WhatNobodyAnnouncedIsMissed) {
  Fill(200);
  const Head old = {1, HashLine("x")};
  EXPECT_NE(Verdict(old).find("record 1, which was noted, was removed"), std::string::npos)
      << Verdict(old);
  std::filesystem::remove(ListSegments(directory_.path())->front());
  EXPECT_NE(Verdict().find("no record says that those before were removed"), std::string::npos)
      << Verdict();
}

TEST_F(PrunedAuditTest, AnExportOfTheRestIsWholeAndNoneOfLess) {
  Fill(200);
  std::string text;
  const std::vector<std::string> lines = Lines(1);
  for (const std::string& line : lines) text += line + '\n';
  const auto whole = VerifyFile(text, log_->head());
  ASSERT_TRUE(whole) << whole.error().message();
  EXPECT_EQ(whole->records, lines.size());
  EXPECT_LT(whole->records, whole->seq);
  const auto less = VerifyFile(std::string_view(text).substr(lines[0].size() + 1), log_->head());
  ASSERT_TRUE(less) << less.error().message();
  EXPECT_THAT(less->missing, testing::HasSubstr("before the first one here"));
}

TEST_F(PrunedAuditTest, AChangedRecordBeforeAGapIsNotToldAsOneThatHolds) {
  Fill(8);
  const std::vector<std::string> lines = Lines(1);
  ASSERT_EQ(lines.size(), 8u);
  const auto told = [&](std::vector<size_t> out, std::optional<Head> wanted = std::nullopt) {
    std::string text;
    for (size_t seq = 1; seq <= lines.size(); ++seq) {
      std::string line = lines[seq - 1];
      if (seq == 3) line.replace(line.find(".test"), 5, ".evil");
      if (std::find(out.begin(), out.end(), seq) == out.end()) text += line + '\n';
    }
    const auto verdict = VerifyFile(text, std::move(wanted));
    return *json::GetString(VerdictJson(verdict), "message");
  };
  const auto head = [&](size_t seq) { return Head{seq, HashLine(lines[seq - 1])}; };
  using testing::HasSubstr;
  using testing::Not;
  EXPECT_THAT(told({}), HasSubstr("record 4 does not follow"));
  EXPECT_THAT(told({4}),
              HasSubstr("records up to 3 stand before a gap: nothing here says that they "
                        "are what was written"));
  EXPECT_THAT(told({4}), Not(HasSubstr("hold")));
  EXPECT_THAT(told({4}), Not(HasSubstr("--head")));
  EXPECT_THAT(told({4, 6}), HasSubstr("records up to 5 stand before a gap"));
  EXPECT_THAT(told({4}, head(8)), HasSubstr("and --head vouches for records 5 to 8 only"));
  EXPECT_THAT(told({4, 7}, head(6)), HasSubstr("and --head vouches for records 5 to 6 only"));
  // The noted one is missing itself, and is only met by what follows from it.
  EXPECT_THAT(told({4}, head(4)), Not(HasSubstr("--head")));
  EXPECT_THAT(told({4}, head(3)), HasSubstr("record 3 is not the one that was noted"));
}

TEST_F(PrunedAuditTest, ARestartGoesOnWhereItWas) {
  Fill(60);
  const uint64_t last = log_->last_seq();
  log_.reset();
  Fill(60);
  EXPECT_GT(log_->last_seq(), last + 60);
  EXPECT_EQ(Verdict(log_->head()), "whole");
}

TEST_F(PrunedAuditTest, AReaderThatIsOvertakenIsTold) {
  Fill(5);
  Reader reader = *Reader::Open(directory_.path(), 1);
  ASSERT_TRUE(reader.Next(1));
  loop_.RunUntil(AppendMany(log_.get(), 100, Make("s1", "a.test")));
  Result<std::vector<std::string>> next = std::vector<std::string>();
  do next = reader.Next(log_->last_seq());
  while (next && !next->empty());
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code(), Code::kNotFound);
}

TEST_F(PrunedAuditTest, ADiskThatTakesNothingMoreRefusesAndNothingGoes) {
  Fill(60);
  const auto before = *ListSegments(directory_.path());
  std::optional<FullDisk> full(0);
  const auto refused = loop_.RunUntil(AppendMany(log_.get(), 20, Make("s1", "b.test")));
  full.reset();
  EXPECT_TRUE(std::none_of(refused.begin(), refused.end(), [](const auto& r) { return r.ok(); }));
  EXPECT_EQ(ListSegments(directory_.path())->front(), before.front());
  EXPECT_EQ(Verdict(log_->head()), "whole");
}

}  // namespace
}  // namespace cove::audit
