// Goal: what a journal has taken is there for the next process, in order, and nothing else is: no
// torn record, no damaged one, none that was cleared. Method: files that are opened anew, cut at
// each byte and changed at each byte; a process that is killed.
#include "store/journal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/testing.h"

namespace cove::store {
namespace {

using Records = std::vector<std::string>;

class JournalTest : public ::testing::Test {
 protected:
  std::unique_ptr<Journal> Open() { return *Journal::Open(path_); }
  Records Former() { return Open()->former(); }

  TempDir dir_;
  const std::string path_ = dir_ / "journal";
};

TEST_F(JournalTest, WhatItTookIsThereForTheNextProcess) {
  EXPECT_TRUE(Former().empty());
  const pid_t child = fork();
  if (child == 0) {
    const auto journal = Open();
    (void)journal->Append("one");
    (void)journal->Append("");
    (void)journal->Append(std::string(5000, 'x'));
    kill(getpid(), SIGKILL);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_EQ(Former(), (Records{"one", "", std::string(5000, 'x')}));
  auto journal = Open();
  ASSERT_TRUE(journal->Append("four"));
  EXPECT_EQ(Former().size(), 4U) << "what was there stays until it is cleared";
}

TEST_F(JournalTest, WhatWasClearedDoesNotComeBackBehindShorterRecords) {
  {
    auto journal = Open();
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(journal->Append("old " + std::to_string(i)));
    ASSERT_TRUE(journal->Clear());
    EXPECT_TRUE(journal->empty());
  }
  EXPECT_TRUE(Former().empty());
  {
    auto journal = Open();  // its first record ends where the second old one begins
    ASSERT_TRUE(journal->Append("new 0"));
  }
  EXPECT_EQ(Former(), (Records{"new 0"}));
  auto journal = Open();
  ASSERT_TRUE(journal->Append("new 1"));
  EXPECT_EQ(Former(), (Records{"new 0", "new 1"}));
}

TEST_F(JournalTest, NobodyCanTellWhichGenerationIsNext) {
  std::vector<std::string> generations;
  for (int i = 0; i < 2; ++i) {
    auto journal = Open();
    for (int clears = 0; clears < 2; ++clears) {
      ASSERT_TRUE(journal->Append("x"));
      generations.push_back(dir_.Read("journal").substr(0, 8));
      ASSERT_TRUE(journal->Clear());
    }
  }
  std::sort(generations.begin(), generations.end());
  EXPECT_EQ(std::unique(generations.begin(), generations.end()), generations.end());
  for (const std::string& generation : generations) {
    EXPECT_NE(generation.substr(2), std::string(6, 0)) << "a small number";
  }
}

TEST_F(JournalTest, ATornEndIsNoRecordAndIsWrittenOver) {
  {
    auto journal = Open();
    ASSERT_TRUE(journal->Append("first"));
    ASSERT_TRUE(journal->Append("second"));
  }
  const std::string whole = dir_.Read("journal");
  const size_t one = 24 + 5;
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    dir_.File("journal", whole.substr(0, cut), 0600);
    EXPECT_EQ(Former(), cut < one ? Records{} : Records{"first"}) << cut;
    ASSERT_TRUE(Open()->Append("third"));
    EXPECT_EQ(Former(), cut < one ? Records{"third"} : (Records{"first", "third"})) << cut;
  }
}

TEST_F(JournalTest, ADamagedRecordIsTheEnd) {
  {
    auto journal = Open();
    ASSERT_TRUE(journal->Append("first"));
    ASSERT_TRUE(journal->Append("second"));
  }
  const std::string whole = dir_.Read("journal");
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    dir_.File("journal", damaged, 0600);
    const Records left = Former();
    EXPECT_LT(left.size(), 2U) << at;
    if (at >= 24 + 5) EXPECT_EQ(left, Records{"first"}) << at;
  }
}

TEST_F(JournalTest, ItTakesNoMoreThanItsBoundAndAllOfThatIsRead) {
  auto journal = Open();
  const std::string large(1024 * 1024, 'y');
  size_t taken = 0;
  while (journal->Append(large)) ++taken;
  EXPECT_EQ(taken, Journal::kBytesMax / (large.size() + 24));
  EXPECT_EQ(journal->Append(large).error().code(), Code::kExhausted);
  EXPECT_TRUE(journal->Append("small"));
  EXPECT_EQ(Former().size(), taken + 1);
  ASSERT_TRUE(journal->Clear());
  EXPECT_TRUE(journal->Append(large));
}

TEST_F(JournalTest, WhatSomebodyElseMayReadOrWriteIsNotTaken) {
  EXPECT_EQ(Journal::Open("/dev/full").error().code(), Code::kDenied);
  dir_.File("journal", "", 0644);
  EXPECT_EQ(Journal::Open(path_).error().code(), Code::kDenied);
  EXPECT_EQ(access(path_.c_str(), F_OK), 0) << "nor removed";
  dir_.File("real", "", 0600);
  ASSERT_EQ(symlink((dir_ / "real").c_str(), (dir_ / "link").c_str()), 0);
  EXPECT_FALSE(Journal::Open(dir_ / "link"));
}

TEST_F(JournalTest, AnEmptyOneLeavesNoFile) {
  ASSERT_TRUE(Open()->Append("one"));
  EXPECT_EQ(access(path_.c_str(), F_OK), 0);
  ASSERT_TRUE(Open()->Clear());
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace cove::store
