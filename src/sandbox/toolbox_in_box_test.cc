// Goal: the real toolbox does its work as PID 1 of a real box, with the identities and limits that
// the box promises. Method: the driver's fixture with the cove-toolbox that was built beside us.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "async/deadline.h"
#include "async/timer.h"
#include "base/sanitizers.h"
#include "proto/toolbox_client.h"
#include "sandbox/box_fixture.h"

namespace cove::sandbox {
namespace {

using proto::toolbox::ExecRequest;
using proto::toolbox::ToolboxClient;

constexpr long kRssMaxKib = 2048;

using Outcome = std::optional<Result<proto::toolbox::ExecOutput>>;

Task<void> Keep(Task<Result<proto::toolbox::ExecOutput>> run, Outcome* out) {
  out->emplace(co_await std::move(run));
}

Task<void> Pause() { co_await async::Sleep(milliseconds(5)); }

class ToolboxInBoxTest : public BoxTest {
 protected:
  void SetUp() override {
    BoxTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    char self[PATH_MAX] = {};
    (void)!readlink("/proc/self/exe", self, sizeof self - 1);
    const std::string program = std::filesystem::path(self).parent_path() / "cove-toolbox";
    auto made = NamespaceDriver::Make({.toolbox_path = program, .cgroup_parent = CgroupParent()});
    ASSERT_TRUE(made) << made.error().message();
    driver_ = *std::move(made);
    StartBox();
    client_ = std::make_unique<ToolboxClient>(dir_ + "/box.sock");
  }
  template <class T>
  Result<T> Get(Task<Result<T>> task) {
    return Wait(async::WithDeadline(std::move(task), Now() + seconds(20), "the call"));
  }
  std::string Do(std::string command, std::string user = {}, bool pty = false) {
    ExecRequest request;
    request.command = std::move(command);
    request.user = std::move(user);
    request.merge_output = true;
    request.pty = pty;
    auto output = Get(client_->Run(std::move(request)));
    if (!output) return "error: " + output.error().message();
    return output->out + output->status.detail;
  }
  long RssKib() const {
    std::ifstream in("/proc/" + std::to_string(box_->pid) + "/status");
    for (std::string word; in >> word;) {
      long value = 0;
      if (word == "VmRSS:" && in >> value) return value;
    }
    return -1;
  }
  std::unique_ptr<ToolboxClient> client_;
};

Task<Result<void>> Put(ToolboxClient* client, std::string path, std::string text) {
  CO_ASSIGN_OR_RETURN(auto writer, co_await client->WriteFile(std::move(path)));
  (void)co_await writer->Write(text);  // Finish tells the reason
  co_return co_await writer->Finish();
}

TEST_F(ToolboxInBoxTest, RunsCommandsAsTheUserInTheWorkload) {
  auto info = Get(client_->Info());
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_EQ(info->user, "daytona");
  EXPECT_EQ(info->home, "/home/daytona");
  EXPECT_EQ(Do("id -u; id -g; pwd"), "1000\n1000\n/home/daytona\n");
  EXPECT_EQ(Do("id -u; touch /etc/x && echo made; pwd", "root"), "0\nmade\n/root\n");
  EXPECT_EQ(Do("grep -E 'NoNewPrivs|^Seccomp:' /proc/self/status"),
            "NoNewPrivs:\t0\nSeccomp:\t2\n");
  EXPECT_EQ(
      Do("cat /proc/self/cgroup >a; cat /proc/1/cgroup >b; [ \"$(<a)\" != \"$(<b)\" ]; echo $?"),
      "0\n");
  EXPECT_EQ(Do("ls /proc/self/fd"), "0\n1\n2\n3\n");  // 3 is ls's own
}

TEST_F(ToolboxInBoxTest, GivesAStrictBoxNoWayToMorePrivilege) {
  BoxSpec spec = Spec();
  spec.profile = proto::Profile::kStrict;
  EndBox();
  ASSERT_TRUE(PrepareBoxDir(BoxDir(), "box"));
  StartBox(std::move(spec));
  const std::string status = "grep -E '^(NoNewPrivs|Seccomp|CapEff|CapBnd):' /proc/self/status";
  EXPECT_EQ(Do(status),
            "CapEff:\t0000000000000000\nCapBnd:\t00000000000000fb\nNoNewPrivs:\t1\nSeccomp:\t2\n");
  EXPECT_EQ(Do(status, "root"),
            "CapEff:\t00000000000000fb\nCapBnd:\t00000000000000fb\nNoNewPrivs:\t1\nSeccomp:\t2\n");
  EXPECT_NE(Do("unshare -U true && echo MADE", "root").find("not permitted"), std::string::npos);
  EXPECT_EQ(Do("cp /usr/bin/id ./id; chown 0 id; chmod 4755 id", "root"), "");
  EXPECT_EQ(Do("/root/id -u; id -u"), "1000\n1000\n");
  EXPECT_EQ(Do("test -t 1 && echo terminal", {}, true), "terminal\r\n");
  EXPECT_TRUE(Get(Put(client_.get(), "/root/f", "x")).error().code() == Code::kDenied);
  EXPECT_TRUE(Get(Put(client_.get(), "f", "x")));
}

TEST_F(ToolboxInBoxTest, GivesATerminalOfTheUsersOwn) {
  EXPECT_EQ(
      Do("test -t 0 && stat -c %u $(ls -l /proc/self/fd/0 | grep -o '/dev/pts/.*')", {}, true),
      "1000\r\n");
}

TEST_F(ToolboxInBoxTest, KeepsSessionsInItsStateFolder) {
  ASSERT_TRUE(Get(client_->CreateSession("s")));
  proto::toolbox::SessionExec request;
  request.session = "s";
  request.command = "export X=5; cd /tmp";
  ASSERT_TRUE(Get(client_->SessionExecute(request)));
  request.command = "echo $X $PWD >/home/daytona/out";
  request.async = true;
  ASSERT_TRUE(Get(client_->SessionExecute(request)));
  std::string text;
  for (int i = 0; i < 500 && text.empty(); ++i) {
    text = Do("cat out 2>/dev/null");
  }
  EXPECT_EQ(text, "5 /tmp\n");
  ASSERT_TRUE(Get(client_->DeleteSession("s")));
}

TEST_F(ToolboxInBoxTest, DoesFilesWithTheUsersRights) {
  auto put = Get(Put(client_.get(), "d/f", "text"));
  ASSERT_TRUE(put) << put.error().message();
  EXPECT_EQ(Do("stat -c '%u %a' d d/f; cat d/f"), "1000 755\n1000 644\ntext");
  auto denied = Get(Put(client_.get(), "/usr/bin/x", "text"));
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code(), Code::kDenied) << denied.error().message();
}

// A box with a writable share has no openat2(), by which its toolbox walks paths, and no set-id
// bits.
TEST_F(ToolboxInBoxTest, DoesFilesInABoxWithAShareWithoutMarks) {
  std::filesystem::create_directory(dir_ + "/shared");
  ASSERT_EQ(lchown((dir_ + "/shared").c_str(), 4321, 4321), 0);
  const UniqueFd source(open((dir_ + "/shared").c_str(), O_PATH | O_CLOEXEC));
  BoxSpec spec = Spec();
  BoxShare share;
  share.source = source.get();
  share.name = "shared";
  share.target = "/app/shared";
  share.access = sys::MountAccess::kReadWrite;
  share.owner = share.group = 4321;
  spec.shares = {share};
  EndBox();
  ASSERT_TRUE(PrepareBoxDir(BoxDir(), "box"));
  StartBox(std::move(spec));
  const auto put = Get(Put(client_.get(), "/app/shared/d/f", "text"));
  ASSERT_TRUE(put) << put.error().message();
  EXPECT_EQ(Do("stat -c '%u %a' /app/shared/d/f; cat /app/shared/d/f"), "1000 644\ntext");
  EXPECT_EQ(Get(client_->ListFiles("/app/shared", 2))->size(), 2u);
  EXPECT_EQ(Get(client_->SetMode({"/app/shared/d/f", "4755", "", ""})).error().code(),
            Code::kDenied);
  ASSERT_TRUE(Get(Put(client_.get(), "/root/mine", "x")).error().code() == Code::kDenied);
  ASSERT_TRUE(Get(Put(client_.get(), "moving", "x")));
  // To another file system: by a program of the box, which has the whole filter.
  EXPECT_TRUE(Get(client_->Move("moving", "/app/shared/moved")));
  EXPECT_EQ(Do("cat /app/shared/moved"), "x");
}

TEST_F(ToolboxInBoxTest, CannotBeTouchedFromInside) {
  EXPECT_EQ(Do("kill -9 1 2>/dev/null; ls /proc/1/fd 2>/dev/null; ls /run/cove-toolbox 2>/dev/null;"
               "ls /run/cove-toolbox/logs 2>/dev/null; echo end",
               "root"),
            "end\n");
  EXPECT_TRUE(Get(client_->Info()));
}

TEST_F(ToolboxInBoxTest, SurvivesAForkBombAndAMemoryHog) {
  ExecRequest bomb;
  bomb.command = "f() { f | f & }; f; sleep 1";
  bomb.timeout_ms = 1500;
  (void)Get(client_->Run(bomb));
  auto info = Get(client_->Info());
  ASSERT_TRUE(info) << info.error().message();
  auto files = Get(client_->ListFiles("/etc"));
  EXPECT_TRUE(files) << files.error().message();
}

// Of two commands whose processes end by SIGKILL in the same moment, only one ran out of memory;
// and the one that did gives 0, as the last program of its pipeline does.
TEST_F(ToolboxInBoxTest, NamesTheCommandThatRanOutOfMemory) {
  BoxSpec spec = Spec();
  spec.limits.memory_bytes = 96 << 20;
  EndBox();
  ASSERT_TRUE(PrepareBoxDir(BoxDir(), "box"));
  StartBox(std::move(spec));
  // A victim that is dead before the toolbox gets a processor has no name and is told as unseen.
  constexpr int kRounds = 4;
  int named = 0;
  for (int round = 0; round < kRounds; ++round) {
    Outcome hog;
    Outcome other;
    ExecRequest request;
    request.command =
        "until test -e begun; do sleep 0.01; done; rm begun; "
        "perl -e 'push @x, \"x\" x 1e6 while 1' | cat";
    async::TaskGroup group;
    group.Spawn(Keep(client_->Run(request), &hog));
    request.command = "touch begun; until test -e dead; do sleep 0.01; done; rm dead; kill -9 $$";
    group.Spawn(Keep(client_->Run(request), &other));
    // Not in the moment in which the kernel's victim is looked for: then nobody could tell them
    // apart.
    for (int i = 0; i < 2000 && !hog; ++i) Wait(Pause());
    EXPECT_EQ(Do("touch dead"), "");
    Wait(group.Join());
    ASSERT_TRUE(hog && *hog && other && *other);
    const auto& killed = (*hog)->status;
    const auto& by_itself = (*other)->status;
    EXPECT_EQ(killed.code, 0);
    EXPECT_EQ(by_itself.signal, SIGKILL);
    EXPECT_EQ(by_itself.oom_kills, 1u) << "it ran meanwhile";
    EXPECT_EQ(by_itself.oom_unseen, killed.oom_unseen);
    EXPECT_EQ(killed.oom_own + killed.oom_unseen, 1u);
    if (killed.oom_unseen > 0) continue;
    ++named;
    EXPECT_EQ(killed.reason, proto::toolbox::ExitReason::kOom);
    EXPECT_TRUE(killed.oom_names.starts_with("perl (")) << killed.oom_names;
    EXPECT_EQ(by_itself.reason, proto::toolbox::ExitReason::kSignaled);
  }
  EXPECT_GE(named, kRounds - 1);
}

TEST_F(ToolboxInBoxTest, StaysSmall) {
  if (kSanitized) GTEST_SKIP() << "the sanitizer's own memory would be measured";
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Do("echo x"), "x\n");
  EXPECT_LT(RssKib(), kRssMaxKib);
  RecordProperty("rss_kib", static_cast<int>(RssKib()));
  std::printf("toolbox: %ld KiB resident\n", RssKib());
}

TEST_F(ToolboxInBoxTest, WhatItsEndEndsIsToldApartFromASignal) {
  Outcome cut;
  Outcome done;
  ExecRequest request;
  request.command = "touch begun; sleep 100";
  async::TaskGroup group;
  group.Spawn(Keep(client_->Run(request), &cut));
  request.command = "until test -e begun; do sleep 0.01; done; kill -TERM $$";
  group.Spawn(Keep(client_->Run(request), &done));
  for (int i = 0; i < 2000 && !done; ++i) Wait(Pause());
  ASSERT_TRUE(done && *done);
  EXPECT_EQ((*done)->status.signal, SIGTERM) << "its own signal is told as such";
  ASSERT_TRUE(Get(client_->Shutdown()));
  Wait(group.Join());
  ASSERT_TRUE(cut && !*cut) << (*cut)->status.code;
  EXPECT_EQ(cut->error().code(), Code::kClosed);
  Wait(driver_->WaitExit(*box_));
  box_.reset();
}

TEST_F(ToolboxInBoxTest, EndsAtOnceWhenNothingRuns) {
  const auto begin = Now();
  ASSERT_TRUE(Get(client_->Shutdown()));
  Wait(driver_->WaitExit(*box_));
  box_.reset();
  EXPECT_LT(Now() - begin, seconds(4));
}

TEST_F(ToolboxInBoxTest, EndsWhenAsked) {
  (void)Do("sleep 1000 >/dev/null 2>&1 &");
  const auto begin = Now();
  ASSERT_TRUE(Get(client_->Shutdown()));
  const BoxExit end = Wait(driver_->WaitExit(*box_));
  box_.reset();
  EXPECT_TRUE(end.known);
  EXPECT_EQ(end.status, 0);
  EXPECT_LT(Now() - begin, seconds(4));
}

}  // namespace
}  // namespace cove::sandbox
