// Goal: every record can be found again, page by page or in order; a record that was changed, cut
// out, put elsewhere or cut off is found. Method: logs of several files, edited behind their back.
#include "audit/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "audit/log.h"
#include "base/testing.h"

namespace cove::audit {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Task<void> AppendAll(Log* log, std::vector<Record> records) {
  for (Record& record : records) log->AppendLater(std::move(record));
  co_await log->Flush();
}

class QueryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    LogLimits limits;
    limits.segment_bytes_max = 3000;
    log_ = *Log::Open(directory_.path(), pool_, limits);
  }

  // Of sandboxes s0, s1, s2 in turn; every fifth allowed.
  void Fill(int n) {
    for (int i = 0; i < n; ++i) {
      Record r;
      r.sandbox = SandboxId("s" + std::to_string(i % 3));
      r.host = "h" + std::to_string(i) + (i % 2 == 0 ? ".even.test" : ".odd.test");
      r.allow = i % 5 == 0;
      r.reason = r.allow ? "allowed" : "no_rule";
      loop_.RunUntil(AppendAll(log_.get(), {r}));
    }
  }
  std::vector<uint64_t> AllPages(const Filter& filter, size_t count) {
    std::vector<uint64_t> out;
    uint64_t before = 0;
    do {
      const Page page = *ReadPage(directory_.path(), filter, before, count);
      EXPECT_LE(page.records.size(), count);
      for (size_t i = page.records.size(); i > 0; --i) out.push_back(page.records[i - 1].seq);
      before = page.before;
    } while (before != 0);
    return out;
  }
  std::vector<std::string> Lines() {
    Reader reader = *Reader::Open(directory_.path(), 1);
    std::vector<std::string> all;
    for (;;) {
      const auto some = *reader.Next(log_->last_seq());
      if (some.empty()) return all;
      all.insert(all.end(), some.begin(), some.end());
    }
  }
  // All lines as one file in place of the files there are.
  void Rewrite(const std::vector<std::string>& lines) {
    const std::vector<std::string> segments = *ListSegments(directory_.path());
    for (const std::string& path : segments) std::filesystem::remove(path);
    std::ofstream file(directory_ / SegmentName(1));
    for (const std::string& line : lines) file << line << '\n';
  }
  std::string Verdict(std::optional<Head> wanted = std::nullopt) {
    const auto head = VerifyChain(directory_.path(), std::move(wanted));
    return head ? "whole" : head.error().message();
  }

  async::Loop loop_;
  async::ThreadPool pool_{1};
  TempDir directory_;
  std::unique_ptr<Log> log_;
};

TEST_F(QueryTest, PagesGiveEveryRecordOnce) {
  Fill(40);
  ASSERT_GT(ListSegments(directory_.path())->size(), 3u);
  for (const size_t count : {1u, 7u, 100u}) {
    const auto all = AllPages({}, count);
    ASSERT_EQ(all.size(), 40u);
    EXPECT_TRUE(std::is_sorted(all.rbegin(), all.rend()));
  }
  Filter filter;
  filter.sandbox = SandboxId("s1");
  EXPECT_EQ(AllPages(filter, 4).size(), 13u);
  filter.allow = true;
  EXPECT_EQ(AllPages(filter, 1), (std::vector<uint64_t>{41 - 15, 11}));
  filter = {};
  filter.sandbox_prefix = "s";
  EXPECT_EQ(AllPages(filter, 7).size(), 40u);
  filter.sandbox_prefix = "s2";
  EXPECT_EQ(AllPages(filter, 7).size(), 13u);
  filter.sandbox_prefix = "2";
  EXPECT_TRUE(AllPages(filter, 7).empty()) << "ids are not searched, only how they begin";
}

TEST_F(QueryTest, RequestsAreFoundByTheirParts) {
  Record r;
  r.user = "ann";
  r.channel = "https";
  r.port = 8443;
  r.method = "POST";
  r.path = "/v1/users";
  r.secrets = "api, deploy";
  loop_.RunUntil(AppendAll(log_.get(), {r}));
  Fill(3);
  const auto found = [&](auto set) {
    Filter filter;
    set(filter);
    return AllPages(filter, 100).size();
  };
  EXPECT_EQ(found([](Filter& f) { f.user = "ann"; }), 1u);
  EXPECT_EQ(found([](Filter& f) { f.user = "an"; }), 0u);
  EXPECT_EQ(found([](Filter& f) { f.channel = "https"; }), 1u);
  EXPECT_EQ(found([](Filter& f) { f.channel = "http"; }), 0u);
  EXPECT_EQ(found([](Filter& f) { f.port = 8443; }), 1u);
  EXPECT_EQ(found([](Filter& f) { f.port = 443; }), 0u);
  EXPECT_EQ(found([](Filter& f) { f.method = "post"; }), 1u);
  EXPECT_EQ(found([](Filter& f) { f.method = "GET"; }), 0u);
  EXPECT_EQ(found([](Filter& f) { f.path = "/v1/users"; }), 1u);
  EXPECT_EQ(found([](Filter& f) { f.path = "/v1"; }), 0u);
  EXPECT_EQ(found([](Filter& f) { f.path = "/v1/*"; }), 1u);
  EXPECT_EQ(found([](Filter& f) { f.path = "/v2/*"; }), 0u);
  for (const char* name : {"api", "deploy"}) {
    EXPECT_EQ(found([name](Filter& f) { f.secret = name; }), 1u) << name;
  }
  EXPECT_EQ(found([](Filter& f) { f.secret = "dep"; }), 0u);
}

TEST_F(QueryTest, EachFilterHolds) {
  Fill(10);
  const auto count = [&](const Filter& filter) { return AllPages(filter, 100).size(); };
  Filter filter;
  filter.host = "h3.odd.test";
  EXPECT_EQ(count(filter), 1u);
  filter.host = "*.even.test";
  EXPECT_EQ(count(filter), 5u);
  filter.host = "*.h3.odd.test";
  EXPECT_EQ(count(filter), 0u);
  filter = {};
  filter.reason = "allowed";
  EXPECT_EQ(count(filter), 2u);
  filter = {};
  filter.kind = Kind::kClose;
  EXPECT_EQ(count(filter), 0u);
  filter = {};
  const WallTime middle = ReadPage(directory_.path(), {}, 0, 5)->records[0].time;
  filter.since = middle;
  EXPECT_EQ(count(filter), 5u);
  filter = {};
  filter.until = middle;
  EXPECT_EQ(count(filter), 5u);
  filter = {};
  Record oom;
  oom.kind = Kind::kOom;
  oom.kills = 1;
  loop_.RunUntil(AppendAll(log_.get(), {oom}));
  filter.kind = Kind::kOom;
  EXPECT_EQ(count(filter), 1u);
  filter.allow = false;
  EXPECT_EQ(count(filter), 0u) << "it decides nothing, and so denies nothing";
}

TEST_F(QueryTest, AReaderGoesOnFromFileToFileAndStopsWhereItIsTold) {
  Fill(40);
  EXPECT_EQ(Lines().size(), 40u);
  for (const uint64_t from : {1u, 2u, 17u, 39u, 40u}) {
    Reader reader = *Reader::Open(directory_.path(), from);
    const auto lines = *reader.Next(40);
    ASSERT_FALSE(lines.empty()) << from;
    EXPECT_EQ(SeqOfLine(lines[0]), from);
  }
  Reader reader = *Reader::Open(directory_.path(), 41);
  EXPECT_TRUE(reader.Next(99)->empty());
  Fill(1);
  EXPECT_TRUE(reader.Next(40)->empty());
  EXPECT_EQ(reader.Next(41)->size(), 1u);
}

TEST_F(QueryTest, AReaderOpenedBehindATornLineReadsWhatIsWrittenOverIt) {
  Fill(2);
  log_.reset();
  std::ofstream(ListSegments(directory_.path())->back(), std::ios::app) << "{\"seq\":3,\"half";
  log_ = *Log::Open(directory_.path(), pool_);
  Reader reader = *Reader::Open(directory_.path(), 3);
  EXPECT_TRUE(reader.Next(99)->empty());
  Fill(1);
  const auto lines = *reader.Next(3);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(ParseLine(lines[0]));
}

Task<uint64_t> SeqAfter(Log* log, uint64_t seq) {
  EXPECT_FALSE(co_await log->WaitPast(seq, Now()));
  EXPECT_TRUE(co_await log->WaitPast(seq));
  co_return log->last_seq();
}

TEST_F(QueryTest, WhoWaitsIsWokenByTheNextDurableRecord) {
  Fill(1);
  log_->AppendLater({});
  EXPECT_EQ(loop_.RunUntil(SeqAfter(log_.get(), 1)), 2u);
}

TEST_F(QueryTest, AChangeIsFoundWhereverItIs) {
  Fill(9);
  const std::vector<std::string> good = Lines();
  EXPECT_EQ(Verdict(), "whole");
  for (size_t i = 0; i < good.size(); ++i) {
    auto changed = good;
    changed[i].replace(changed[i].find("h"), 1, "H");
    Rewrite(changed);
    EXPECT_NE(Verdict(log_->head()), "whole") << i;
    auto missing = good;
    missing.erase(missing.begin() + static_cast<std::ptrdiff_t>(i));
    Rewrite(missing);
    EXPECT_NE(Verdict(log_->head()), "whole") << i;
    if (i == 0) continue;
    auto reordered = good;
    std::swap(reordered[i - 1], reordered[i]);
    Rewrite(reordered);
    EXPECT_NE(Verdict(), "whole") << i;
  }
}

TEST_F(QueryTest, TheVerdictNamesTheRecord) {
  Fill(5);
  const std::vector<std::string> good = Lines();
  auto lines = good;
  lines[2].replace(lines[2].find("h2"), 2, "h9");
  Rewrite(lines);
  EXPECT_THAT(Verdict(), HasSubstr("record 4 does not follow from the one before it"));
  lines = good;
  lines.erase(lines.begin() + 1);
  Rewrite(lines);
  EXPECT_THAT(Verdict(), HasSubstr("where record 2 should be stands record 3"));
  lines = good;
  lines[3] = "not a record";
  Rewrite(lines);
  EXPECT_THAT(Verdict(), HasSubstr("what should be record 4 is none"));
}

TEST_F(QueryTest, ACutOrAWholeNewChainIsFoundByTheHeadThatWasNoted) {
  Fill(5);
  const Head head = log_->head();
  ASSERT_EQ(Head::Parse(head.ToString())->seq, 5u);
  std::vector<std::string> lines = Lines();
  lines.pop_back();
  Rewrite(lines);
  EXPECT_EQ(Verdict(), "whole");
  EXPECT_THAT(Verdict(head), HasSubstr("it ends at record 4, and there was a record 5"));
  log_ = *Log::Open(directory_.path(), pool_);
  Fill(3);
  EXPECT_THAT(Verdict(head), HasSubstr("record 5 is not the one that was noted"));
  EXPECT_FALSE(Head::Parse("5"));
  EXPECT_FALSE(Head::Parse("x:" + head.hash));
}

std::string ExportOf(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + '\n';
  return out;
}

// What is said to be missing, or why it does not hold.
std::string FileVerdict(const std::string& text, std::optional<Head> wanted = std::nullopt) {
  const auto head = VerifyFile(text, std::move(wanted));
  if (!head) return head.error().message();
  return head->missing.empty() ? "whole" : "part: " + head->missing;
}

TEST_F(QueryTest, AFileThatBeginsLaterHoldsAndSaysWhatItCannotVouchFor) {
  Fill(9);
  const auto lines = Lines();
  const auto whole = VerifyFile(ExportOf(lines));
  ASSERT_TRUE(whole) << whole.error().message();
  EXPECT_EQ(whole->missing, "");
  EXPECT_EQ(whole->ToString(), log_->head().ToString());
  EXPECT_EQ(whole->records, 9u);
  const std::vector<std::string> late(lines.begin() + 5, lines.end());
  for (const auto& wanted : {std::optional<Head>(), std::optional<Head>(log_->head())}) {
    EXPECT_THAT(FileVerdict(ExportOf(late), wanted),
                StartsWith("part: records 1 to 5, before the first one here: nothing says"));
  }
  const auto part = VerifyFile(ExportOf(late));
  EXPECT_EQ(part->first, 6u);
  EXPECT_EQ(part->records, 4u);
  EXPECT_EQ(part->ToString(), log_->head().ToString());
  // The head of the time when it begins is what vouches for that; another one finds a new chain.
  const Head before{5, HashLine(lines[4])};
  EXPECT_EQ(FileVerdict(ExportOf(late), before), "whole");
  EXPECT_THAT(FileVerdict(ExportOf(late), Head{5, HashLine("x")}),
              HasSubstr("record 5 is not the one that was noted"));
  EXPECT_THAT(FileVerdict(ExportOf(late), Head{4, HashLine(lines[3])}),
              HasSubstr("record 4, which was noted"));
}

TEST_F(QueryTest, AFileThatEndsEarlierIsWholeUnlessALaterHeadWasNoted) {
  Fill(9);
  const auto lines = Lines();
  const std::string early = ExportOf({lines.begin(), lines.begin() + 5});
  EXPECT_EQ(FileVerdict(early), "whole");
  EXPECT_EQ(FileVerdict(early, log_->head()),
            "part: records 6 to 9, after the last one here: that one was noted");
  EXPECT_EQ(FileVerdict(early + lines[5].substr(0, 40)),
            "part: the rest of the last line, which is cut off");
  EXPECT_EQ(FileVerdict(early + lines[5]), "whole") << "only its newline is missing";
  EXPECT_THAT(FileVerdict(early + lines[5].substr(0, 40) + "\n"), HasSubstr("record 6 is none"));
}

TEST_F(QueryTest, BetweenTheGapsOfAFilterEveryRunIsChecked) {
  Fill(9);
  auto lines = Lines();
  lines.erase(lines.begin() + 6);
  lines.erase(lines.begin() + 2, lines.begin() + 4);
  EXPECT_THAT(FileVerdict(ExportOf(lines)),
              StartsWith("part: records 3 to 4, and 1 more gaps: a filter leaves records out"));
  EXPECT_THAT(FileVerdict(ExportOf(lines), Head{7, HashLine("x")}),
              HasSubstr("record 7 is not the one that was noted"));
  std::string& changed = lines[lines.size() - 2];  // record 8
  changed.replace(changed.find("h7"), 2, "h0");
  EXPECT_THAT(FileVerdict(ExportOf(lines)), HasSubstr("record 9 does not follow"));
}

TEST_F(QueryTest, NothingExplainsAFileThatWasChanged) {
  Fill(5);
  auto lines = Lines();
  lines.insert(lines.begin() + 3, lines[1]);
  EXPECT_THAT(FileVerdict(ExportOf(lines)),
              HasSubstr("changed: where record 4 should be stands record 2"));
  lines = Lines();
  lines[2].replace(lines[2].find("h2"), 2, "h9");
  EXPECT_THAT(FileVerdict(ExportOf(lines)), HasSubstr("changed: record 4 does not follow"));
  EXPECT_EQ(FileVerdict(""), "the file holds no records");
}

TEST_F(QueryTest, AVerdictForProgramsTellsWholePartAndBrokenApart) {
  Fill(3);
  const auto lines = Lines();
  const auto verdict = [](const std::string& text) {
    return *json::ParseObject(json::Write(VerdictJson(VerifyFile(text))));
  };
  const json::Object good = verdict(ExportOf(lines));
  EXPECT_EQ(json::GetBool(good, "ok"), true);
  EXPECT_EQ(json::GetString(good, "state"), "whole");
  EXPECT_EQ(json::GetInt(good, "first"), 1);
  EXPECT_EQ(json::GetInt(good, "records"), 3);
  EXPECT_EQ(json::GetString(good, "head"), log_->head().ToString());
  const json::Object part = verdict(lines[1] + "\n" + lines[2]);
  EXPECT_EQ(json::GetBool(part, "ok"), false);
  EXPECT_EQ(json::GetString(part, "state"), "part");
  EXPECT_EQ(json::GetInt(part, "first"), 2);
  EXPECT_EQ(json::GetInt(part, "records"), 2);
  EXPECT_EQ(json::GetString(part, "head"), log_->head().ToString());
  EXPECT_THAT(json::GetString(part, "message").value_or(""),
              HasSubstr("not vouched for: record 1"));
  const json::Object bad = verdict(lines[1] + "\n" + lines[0] + "\n");
  EXPECT_EQ(json::GetBool(bad, "ok"), false);
  EXPECT_EQ(json::GetString(bad, "state"), "broken");
  EXPECT_TRUE(bad.at("head").is_null() && bad.at("records").is_null());
}

}  // namespace
}  // namespace cove::audit
