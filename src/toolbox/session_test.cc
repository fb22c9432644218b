// Goal: sessions keep their shell's state, their commands survive the host, logs are whole and end
// on time, and a delete kills what belongs to the session and nothing else.
// Method: a standalone toolbox, real shells, connections that come and go.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "toolbox/testing.h"

namespace cove::toolbox {
namespace {

struct Log {
  std::string out;
  std::string err;
  CommandInfo end;
};

Task<Result<Log>> ReadLog(ToolboxClient* client, std::string command, bool follow) {
  proto::toolbox::CommandLogs request;
  request.session = "s";
  request.command = std::move(command);
  request.follow = follow;
  CO_ASSIGN_OR_RETURN(auto stream, co_await client->Logs(std::move(request)));
  Log log;
  for (;;) {
    CO_ASSIGN_OR_RETURN(LogEvent event, co_await stream->Next());
    switch (event.kind) {
      case LogEvent::Kind::kStdout:
        log.out += event.data;
        break;
      case LogEvent::Kind::kStderr:
        log.err += event.data;
        break;
      case LogEvent::Kind::kEnd:
        log.end = event.command;
        co_return std::move(log);
    }
  }
}

class SessionTest : public ToolboxTest {
 protected:
  SessionTest() { EXPECT_TRUE(Get(client_->CreateSession("s"))); }
  CommandInfo Start(std::string command, bool async = false, bool quiet = false) {
    SessionExec request;
    request.session = "s";
    request.command = std::move(command);
    request.async = async;
    request.suppress_input_echo = quiet;
    auto info = Get(client_->SessionExecute(std::move(request)));
    EXPECT_TRUE(info) << info.error().message();
    return info ? *info : CommandInfo{};
  }
  Log Follow(const std::string& id) {
    auto log = Get(ReadLog(client_.get(), id, true));
    EXPECT_TRUE(log) << log.error().message();
    return log ? *log : Log{};
  }
  Log Execute(std::string command) { return Follow(Start(std::move(command)).id); }
};

TEST_F(SessionTest, KeepsExportsFunctionsAndFolder) {
  Execute("export A=1; f() { echo f:$A; }; mkdir d; cd d");
  const Log log = Execute("f; pwd; echo e >&2; (exit 5)");
  EXPECT_EQ(log.out, "f:1\n" + home_ + "/d\n");
  EXPECT_EQ(log.err, "e\n");
  EXPECT_TRUE(log.end.ended);
  EXPECT_EQ(log.end.exit_code, 5);
}

TEST_F(SessionTest, TakesAnyTextAsACommand) {
  EXPECT_EQ(Execute("printf '%s' \"a'b\"\n\necho \\\nc # x\n\n").out, "a'bc\n");
  EXPECT_EQ(Execute("if then").end.exit_code, 2);
  EXPECT_EQ(Execute("cat <<X\nhere\nX").out, "here\n");
  EXPECT_EQ(Execute("IFS=0123456789; set -u; set -f").end.exit_code, 0);
  EXPECT_EQ(Execute("echo still").out, "still\n");
}

TEST_F(SessionTest, RunsLongCommandsAndShowsTheirBeginning) {
  const std::string filler(900 * 1024, '#');
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) {
    const CommandInfo c = Start("echo " + std::to_string(i) + "\n" + filler + "\necho end");
    EXPECT_EQ(Follow(c.id).out, std::to_string(i) + "\nend\n");
    ids.push_back(c.id);
  }
  const auto one = Get(client_->GetCommand("s", ids[2]));
  ASSERT_TRUE(one) << one.error().message();
  EXPECT_TRUE(one->command.starts_with("echo 2\n###")) << one->command.substr(0, 20);
  EXPECT_TRUE(one->command.ends_with("\n[cove: cut here]"));
  EXPECT_LT(one->command.size(), 20'000u);
  const auto session = Get(client_->GetSession("s"));
  ASSERT_TRUE(session) << session.error().message();
  ASSERT_EQ(session->commands.size(), ids.size());
  EXPECT_TRUE(session->commands[2].command.starts_with("echo 2\n###"));
  const auto list = Get(client_->ListSessions());
  ASSERT_TRUE(list) << list.error().message();
  EXPECT_EQ(list->size(), 1u);
}

TEST_F(SessionTest, BoundsTheTextsThatWait) {
  const std::string filler(900 * 1024, '#');
  const CommandInfo first = Start("read x", true);
  size_t waiting = 0;
  Result<CommandInfo> next = Error(Code::kInternal, "");
  do {
    SessionExec request;
    request.session = "s";
    request.command = "echo " + filler;
    next = Get(client_->SessionExecute(std::move(request)));
    if (next) ++waiting;
  } while (next && waiting < 50);
  EXPECT_EQ(next.error().code(), Code::kExhausted);
  EXPECT_EQ(waiting, 18u);
  ASSERT_TRUE(Get(client_->SendInput("s", first.id, "go")));
  EXPECT_TRUE(Eventually([this] {
    const auto session = Get(client_->GetSession("s"));
    return session && session->commands.back().ended;
  }));
  EXPECT_EQ(Execute("echo room again").out, "room again\n");
}

TEST_F(SessionTest, ClosesStdinOfSyncCommands) { EXPECT_EQ(Execute("cat; echo end").out, "end\n"); }

TEST_F(SessionTest, RunsCommandsInOrder) {
  const CommandInfo slow = Start("sleep 0.3; echo one >>order", true);
  const CommandInfo next = Start("echo two >>order", true);
  Follow(next.id);
  EXPECT_EQ(Slurp(home_ + "/order"), "one\ntwo\n");
  EXPECT_TRUE(Get(client_->GetCommand("s", slow.id))->ended);
}

TEST_F(SessionTest, RefusesDoubleAndEmptyIds) {
  EXPECT_EQ(Get(client_->CreateSession("s")).error().code(), Code::kConflict);
  EXPECT_EQ(Get(client_->CreateSession("")).error().code(), Code::kInvalid);
  EXPECT_EQ(Get(client_->GetSession("x")).error().code(), Code::kNotFound);
  EXPECT_EQ(Get(client_->GetCommand("s", "x")).error().code(), Code::kNotFound);
}

Task<Result<std::string>> FirstOutput(ToolboxClient* client, std::string command) {
  proto::toolbox::CommandLogs request;
  request.session = "s";
  request.command = std::move(command);
  request.follow = true;
  CO_ASSIGN_OR_RETURN(auto stream, co_await client->Logs(std::move(request)));
  CO_ASSIGN_OR_RETURN(LogEvent event, co_await stream->Next());
  co_return std::move(event.data);
}

// Each holds descriptors of the toolbox, three at this time, whose numbers pass those that the
// shells are given: each remainder is tried.
TEST_F(SessionTest, AsManyAsThereMayBeAllWork) {
  const auto name = [](int i) { return "n" + std::to_string(i); };
  std::vector<std::unique_ptr<net::SocketStream>> held;
  for (int round = 0; round < 3; ++round) {
    const int more = round < 2 ? 80 : 127;  // with the one of the fixture 128
    for (int i = 0; i < more; ++i) ASSERT_TRUE(Get(client_->CreateSession(name(i)))) << i;
    if (round == 2) {
      EXPECT_EQ(Get(client_->CreateSession("over")).error().code(), Code::kExhausted);
    }
    std::filesystem::remove(home_ + "/ran");
    for (int i = 0; i < more; ++i) {
      SessionExec request;
      request.session = name(i);
      request.command = "echo $((7 * 6)) >>" + home_ + "/ran";
      ASSERT_TRUE(Get(client_->SessionExecute(std::move(request)))) << i;
    }
    EXPECT_TRUE(Eventually([&] {
      return Slurp(home_ + "/ran").size() == 3 * static_cast<size_t>(more);
    })) << Slurp(home_ + "/ran").size() / 3;
    for (int i = 0; i < more; ++i) ASSERT_TRUE(Get(client_->DeleteSession(name(i)))) << i;
    const auto address = net::SocketAddress::FromUnixPath(root_ / "socket");
    ASSERT_TRUE(address);
    auto connection = Get(net::Connect(*address, Now() + seconds(5)));
    ASSERT_TRUE(connection);
    held.push_back(*std::move(connection));
  }
}

// Whoever is root in the sandbox finds the shell's descriptors in /proc.
TEST_F(SessionTest, WhatFloodsTheShellsStatusDoesNotStopTheOthers) {
  ASSERT_TRUE(Get(client_->CreateSession("other")));
  SessionExec request;
  request.session = "other";
  request.command =
      "for f in /proc/$$/fd/*; do case $(readlink $f) in pipe:*)"
      "  if grep -q '^flags:.*1$' /proc/$$/fdinfo/${f##*/}; then"
      "    yes '' >$f & echo >flood; fi;;"
      "esac; done; wait";
  request.async = true;
  ASSERT_TRUE(Get(client_->SessionExecute(std::move(request))));
  ASSERT_TRUE(Eventually([this] { return Slurp(home_ + "/flood").ends_with('\n'); }));
  const auto used = [this] {  // processor time of the toolbox in ticks: proc(5)
    const std::string stat = Slurp("/proc/" + std::to_string(pid_) + "/stat");
    std::istringstream fields(stat.substr(stat.rfind(')') + 1));
    std::string field;
    for (int i = 3; i < 14; ++i) fields >> field;
    uint64_t user = 0;
    uint64_t kernel = 0;
    fields >> user >> kernel;
    return user + kernel;
  };
  const uint64_t before = used();
  usleep(500'000);
  EXPECT_LT(used() - before, static_cast<uint64_t>(sysconf(_SC_CLK_TCK)) / 10);
  EXPECT_EQ(Execute("echo here").out, "here\n");
  ASSERT_TRUE(Get(client_->DeleteSession("other")));
}

TEST_F(SessionTest, ReplaysTheLogToEveryFollower) {
  const CommandInfo c = Start("echo 1; sleep 0.3; echo 2 >&2; echo 3", true);
  EXPECT_EQ(*Get(FirstOutput(client_.get(), c.id)), "1\n");  // and this connection is dropped
  const Log again = Follow(c.id);
  EXPECT_EQ(again.out, "1\n3\n");
  EXPECT_EQ(again.err, "2\n");
  EXPECT_TRUE(again.end.ended);
  auto once = Get(ReadLog(client_.get(), c.id, false));
  EXPECT_EQ(once->out, "1\n3\n");
}

TEST_F(SessionTest, KeepsALargeLogWhole) {
  const Log log = Execute("seq 1 400000");
  EXPECT_EQ(log.out.size(), 2688895u);
  EXPECT_TRUE(log.out.ends_with("\n400000\n"));
}

TEST_F(SessionTest, PassesInputAndEchoesIt) {
  const CommandInfo loud = Start("read x; echo got $x", true);
  ASSERT_TRUE(Get(client_->SendInput("s", loud.id, "hi")));
  EXPECT_EQ(Follow(loud.id).out, "hi\ngot hi\n");
  const CommandInfo quiet = Start("read x; echo got $x", true, true);
  ASSERT_TRUE(Get(client_->SendInput("s", quiet.id, "hi\n")));
  EXPECT_EQ(Follow(quiet.id).out, "got hi\n");
  EXPECT_EQ(Get(client_->SendInput("s", quiet.id, "x")).error().code(), Code::kGone);
}

TEST_F(SessionTest, EndsWithItsShell) {
  const Log log = Execute("echo bye; exit 3");
  EXPECT_EQ(log.out, "bye\n");
  EXPECT_EQ(log.end.exit_code, 3);
  SessionExec request;
  request.session = "s";
  request.command = "true";
  EXPECT_EQ(Get(client_->SessionExecute(request)).error().code(), Code::kGone);
  EXPECT_TRUE(Get(client_->DeleteSession("s")));
  EXPECT_TRUE(Get(client_->CreateSession("s")));
}

TEST_F(SessionTest, DoesNotWaitForBackgroundJobs) {
  const auto begin = Now();
  EXPECT_EQ(Execute("sleep 100 & echo now").out, "now\n");
  EXPECT_LT(Now() - begin, seconds(30));
}

TEST_F(SessionTest, DeleteKillsWhatTheShellStartedAndSparesWhatWasDetached) {
  const CommandInfo c = Start(
      "echo $$ >shell; (sleep 1000 & echo $! >nohup);"
      "setsid sleep 1001 & echo $! >detached;"
      "(setsid -f bash -c 'echo $$ >forked; exec sleep 1002');"
      "bash -c 'setsid sleep 1003 & echo $! >tool; wait'",
      true);
  for (const char* name : {"/shell", "/nohup", "/detached", "/forked", "/tool"}) {
    ASSERT_TRUE(Eventually([&] { return Slurp(home_ + name).ends_with('\n'); })) << name;
  }
  const auto pid = [&](const char* name) { return std::atoi(Slurp(home_ + name).c_str()); };
  ASSERT_TRUE(Get(client_->DeleteSession("s")));
  for (const char* name : {"/shell", "/nohup", "/tool"}) EXPECT_NE(kill(pid(name), 0), 0) << name;
  for (const char* name : {"/detached", "/forked"}) {
    EXPECT_EQ(kill(pid(name), 0), 0) << name;
    kill(pid(name), SIGKILL);
  }
  EXPECT_EQ(Get(client_->GetSession("s")).error().code(), Code::kNotFound);
}

TEST_F(SessionTest, DeleteKillsWhatIgnoresSigterm) {
  Start("trap '' TERM; echo $$ >shell; while :; do sleep 1; done", true);
  ASSERT_TRUE(Eventually([&] { return Slurp(home_ + "/shell").ends_with('\n'); }));
  const pid_t pid = std::atoi(Slurp(home_ + "/shell").c_str());
  ASSERT_TRUE(Get(client_->DeleteSession("s")));
  EXPECT_NE(kill(pid, 0), 0);
}

TEST_F(SessionTest, FollowersEndWhenTheSessionIsDeleted) {
  const CommandInfo c = Start("sleep 1000", true);
  async::TaskGroup group;
  std::optional<Result<Log>> log;
  async::Event done;
  const auto follow = [](ToolboxClient* client, std::string id, std::optional<Result<Log>>* out,
                         async::Event* end) -> Task<void> {
    out->emplace(co_await ReadLog(client, std::move(id), true));
    end->Set();
  };
  group.Spawn(follow(client_.get(), c.id, &log, &done));
  ASSERT_TRUE(Get(client_->DeleteSession("s")));
  const auto wait = [](async::Event* end) -> Task<Result<void>> {
    co_await end->Wait();
    co_return Ok();
  };
  ASSERT_TRUE(Get(wait(&done)));
  ASSERT_TRUE(*log);
  EXPECT_TRUE((*log)->end.ended);
  EXPECT_EQ((*log)->end.exit_code, 143);
}

// Stands for a full disk: a folder that may not change takes no file.
TEST_F(SessionTest, ACommandHearsThatTheHostKilledForMemory) {
  const auto end =
      Execute("kill -" + std::to_string(proto::boot::kOutOfMemorySignal) + " $PPID; kill -9 $$")
          .end;
  EXPECT_EQ(end.reason, ExitReason::kHostOom);
  EXPECT_EQ(end.exit_code, 137);
}

class FullDiskTest : public SessionTest {
 protected:
  ~FullDiskTest() override {
    if (full_) MakeRoom();
  }
  std::string State(const char* name) const { return std::string(root_ / "socket.state/") + name; }
  void Fill(const char* folder) {
    full_.Reset(open(State(folder).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    Toggle();
  }
  void MakeRoom() {
    Toggle();
    full_.Reset();
  }

 private:
  void Toggle() {
    int flags = 0;
    ASSERT_EQ(ioctl(full_.get(), FS_IOC_GETFLAGS, &flags), 0);
    flags ^= FS_IMMUTABLE_FL;
    ASSERT_EQ(ioctl(full_.get(), FS_IOC_SETFLAGS, &flags), 0);
  }
  UniqueFd full_;
};

TEST_F(FullDiskTest, KeepsOutputInMemoryAndSavesItOnceThereIsRoom) {
  Fill("logs");
  const Log log = Execute("echo a; seq 1 50000; echo e >&2; echo z");
  EXPECT_EQ(log.out.size(), 2 + 288894u + 2);
  EXPECT_TRUE(log.out.ends_with("\n50000\nz\n"));
  EXPECT_EQ(log.err, "e\n");
  EXPECT_EQ(log.end.reason, ExitReason::kExited);
  const CommandInfo c = Start("echo 1; read x; echo 2", true);
  EXPECT_EQ(*Get(FirstOutput(client_.get(), c.id)), "1\n");
  MakeRoom();
  EXPECT_TRUE(std::filesystem::is_empty(State("logs")));
  ASSERT_TRUE(Get(client_->SendInput("s", c.id, "hi")));
  EXPECT_EQ(Follow(c.id).out, "1\nhi\n2\n");
  EXPECT_FALSE(std::filesystem::is_empty(State("logs")));
  EXPECT_EQ(Follow(c.id).out, "1\nhi\n2\n");
}

TEST_F(FullDiskTest, SaysThatOutputIsMissing) {
  Fill("logs");
  const Log log = Execute("seq 1 400000");
  EXPECT_TRUE(log.out.starts_with("1\n2\n")) << log.out.size();
  EXPECT_GT(log.out.size(), 400000u);
  EXPECT_LT(log.out.size(), 600000u);
  EXPECT_EQ(log.err,
            "\n[cove: " + std::to_string(2688895 - log.out.size()) + " bytes were not kept]\n");
  EXPECT_EQ(log.end.exit_code, 0);
  EXPECT_EQ(log.end.reason, ExitReason::kOutputLost);
  MakeRoom();
}

TEST_F(FullDiskTest, BoundsTheMemoryOfAllLogs) {
  Fill("logs");
  size_t kept = 0;
  for (int i = 0; i < 10; ++i) kept += Execute("seq 1 100000").out.size();
  EXPECT_GT(kept, 3u * 1024 * 1024);
  EXPECT_LE(kept, 4u * 1024 * 1024);
  ASSERT_TRUE(Get(client_->DeleteSession("s")));
  ASSERT_TRUE(Get(client_->CreateSession("s")));
  EXPECT_EQ(Execute("seq 1 50000").out.size(), 288894u) << "what the others took is free again";
  MakeRoom();
}

TEST_F(FullDiskTest, ACommandWithoutRoomForItsFilesSaysWhyAndTheNextRuns) {
  Fill("sessions/1");
  const Log log = Execute("echo x >ran");
  EXPECT_EQ(log.end.exit_code, -1);
  EXPECT_EQ(log.end.reason, ExitReason::kSpawnFailed);
  EXPECT_TRUE(log.err.starts_with("cannot store the command: ")) << log.err;
  EXPECT_FALSE(std::filesystem::exists(home_ + "/ran"));
  MakeRoom();
  EXPECT_EQ(Execute("echo y").out, "y\n");
}

}  // namespace
}  // namespace cove::toolbox
