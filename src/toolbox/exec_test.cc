// Goal: an exec gives exactly what the command wrote and how it ended, and leaves nothing running
// that it should not. Method: a standalone toolbox on the host, real shells, over its socket.
#include "toolbox/testing.h"

namespace cove::toolbox {
namespace {

class ExecTest : public ToolboxTest {};

TEST_F(ExecTest, KeepsTheTwoStreamsApart) {
  const ExecOutput o = Shell("echo out; echo err >&2; exit 3");
  EXPECT_EQ(o.out, "out\n");
  EXPECT_EQ(o.err, "err\n");
  EXPECT_EQ(o.status.reason, ExitReason::kExited);
  EXPECT_EQ(o.status.code, 3);
}

TEST_F(ExecTest, MergesInTheOrderWritten) {
  ExecRequest r;
  r.command = "echo a; echo b >&2; echo c";
  r.merge_output = true;
  EXPECT_EQ(Run(r).out, "a\nb\nc\n");
}

TEST_F(ExecTest, GivesTheEnvironmentOfTheUser) {
  ASSERT_TRUE(Get(client_->Configure({{"A", "1"}, {"B", "2"}})));
  ExecRequest r;
  r.command = "echo $A $B $HOME $PWD $LC_CTYPE; echo $PATH | cut -d: -f1";
  r.env = {{"B", "3"}};
  EXPECT_EQ(Run(r).out, "1 3 " + home_ + " " + home_ + " C.UTF-8\n" + home_ + "/.local/bin\n");
}

TEST_F(ExecTest, RefusesWhatCanNeverWork) {
  ExecRequest r;
  EXPECT_EQ(Get(client_->Exec(r)).error().code(), Code::kInvalid);
  r.command = "true";
  r.env = {{"1X", ""}};
  EXPECT_EQ(Get(client_->Exec(r)).error().code(), Code::kInvalid);
  r.env = {};
  r.user = "nobody-of-that-name";
  EXPECT_EQ(Get(client_->Exec(r)).error().code(), Code::kInvalid);
}

TEST_F(ExecTest, SaysWhatCouldNotBeStarted) {
  ExecRequest r;
  r.argv = {"/no/such/program"};
  EXPECT_EQ(Run(r).status.reason, ExitReason::kSpawnFailed);
  r.argv = {"true"};
  r.cwd = "missing";
  const ExecOutput o = Run(r);
  EXPECT_EQ(o.status.reason, ExitReason::kSpawnFailed);
  EXPECT_NE(o.status.detail.find(home_ + "/missing"), std::string::npos) << o.status.detail;
}

TEST_F(ExecTest, FindsProgramsByPath) {
  ExecRequest r;
  r.argv = {"printf", "%s|", "a b", ""};
  EXPECT_EQ(Run(r).out, "a b||");
}

TEST_F(ExecTest, KillsTheGroupAtTheTimeout) {
  ExecRequest r;
  r.command = "sleep 100 & echo $!; echo before; sleep 100";
  r.timeout_ms = 200;
  const ExecOutput o = Run(r);
  EXPECT_EQ(o.status.reason, ExitReason::kTimeout);
  const pid_t child = std::atoi(o.out.c_str());
  ASSERT_GT(child, 1);
  EXPECT_TRUE(Eventually([child] { return kill(child, 0) != 0; }));
}

TEST_F(ExecTest, WhatEndedBeforeItsLimitWasInTimeWhoeverHoldsItsOutput) {
  ExecRequest r;
  r.command = "sleep 1 & echo x; exit 3";
  r.timeout_ms = 50;
  const ExecOutput o = Run(r);
  EXPECT_EQ(o.status.reason, ExitReason::kExited);
  EXPECT_EQ(o.status.code, 3);
  EXPECT_EQ(o.out, "x\n");
}

TEST_F(ExecTest, AStoppedClockDoesNotCountAgainstTheTimeout) {
  auto stop = client_->StopClocks();
  ASSERT_TRUE(Get(std::move(stop)));
  ExecRequest request;
  request.command = "sleep 0.3; echo done";
  request.timeout_ms = 100;
  const ExecOutput output = Run(request);
  EXPECT_EQ(output.out, "done\n");
  EXPECT_EQ(output.status.reason, ExitReason::kExited);

  request.command = "echo on > ~/started; sleep 20";
  std::optional<Result<ExecOutput>> late;
  async::TaskGroup group;
  group.Spawn([](ToolboxClient* client, ExecRequest r,
                 std::optional<Result<ExecOutput>>* to) -> Task<void> {
    to->emplace(co_await client->Run(std::move(r)));
  }(client_.get(), request, &late));
  ASSERT_TRUE(Eventually([&] {
    (void)Get(client_->Info());
    return Slurp(home_ + "/started") == "on\n";
  }));
  ASSERT_TRUE(Get(client_->StartClocks()));
  ASSERT_TRUE(Eventually([&] {
    (void)Get(client_->Info());
    return late.has_value();
  }));
  EXPECT_EQ((*late)->status.reason, ExitReason::kTimeout);
}

TEST_F(ExecTest, TellsOutOfMemoryFromAnyOtherKill) {
  ExecRequest request;
  request.command = "kill -9 $$";
  EXPECT_EQ(Run(request).status.reason, ExitReason::kSignaled);
  request.command = "echo 'oom_kill 1' > '" + root_ / "socket.oom'; kill -9 $$";
  auto status = Run(request).status;
  EXPECT_EQ(status.reason, ExitReason::kOom);
  EXPECT_EQ(status.code, 137);
  EXPECT_EQ(status.oom_kills, 1u);
  // A child of the command's shell was killed.
  request.command = "echo 'oom_kill 3' > '" + root_ / "socket.oom'; bash -c 'kill -9 $$'; exit $?";
  status = Run(request).status;
  EXPECT_EQ(status.reason, ExitReason::kOom);
  EXPECT_EQ(status.oom_kills, 2u);
  request.command = "echo 'oom_kill 4' > '" + root_ / "socket.oom'; exit 3";
  status = Run(request).status;
  EXPECT_EQ(status.reason, ExitReason::kExited);
  EXPECT_EQ(status.oom_kills, 1u);
  request.command = "kill -9 $$";
  EXPECT_EQ(Run(request).status.reason, ExitReason::kSignaled) << "that was before";
}

TEST_F(ExecTest, TellsThatTheHostKilledForMemoryFromAnyOtherKill) {
  const std::string told = "kill -" + std::to_string(proto::boot::kOutOfMemorySignal) + " $PPID; ";
  EXPECT_EQ(Shell(told + "exit 3").status.reason, ExitReason::kExited);
  EXPECT_EQ(Shell("kill -9 $$").status.reason, ExitReason::kSignaled) << "that was before";
  const auto status = Shell(told + "kill -9 $$").status;
  EXPECT_EQ(status.reason, ExitReason::kHostOom);
  EXPECT_EQ(status.code, 137);
}

TEST_F(ExecTest, TellsTheSignal) {
  const ExecOutput o = Shell("kill -KILL $$");
  EXPECT_EQ(o.status.reason, ExitReason::kSignaled);
  EXPECT_EQ(o.status.signal, SIGKILL);
  EXPECT_EQ(o.status.code, 137);
}

TEST_F(ExecTest, DoesNotWaitForADaemonAndLetsItLive) {
  // It keeps stdout and writes to it later: it must neither hang the exec nor die of SIGPIPE. It
  // lives until it is told to go, or for 10 s.
  const auto begin = Now();
  const ExecOutput o = Shell(
      "(trap 'echo hup >>log' HUP; for i in $(seq 200); do sleep 0.05; [ -e go ] && break; done; "
      "echo late; sleep 0.05; echo later; echo alive >>log) &"
      "echo started");
  EXPECT_LT(Now() - begin, seconds(5));
  EXPECT_EQ(o.out, "started\n");
  std::ofstream(home_ + "/go") << "\n";
  EXPECT_TRUE(Eventually([this] { return Slurp(home_ + "/log") == "alive\n"; }));
}

TEST_F(ExecTest, WaitsForHelpersThatAreAlmostDone) {
  EXPECT_EQ(Shell("echo x > >(sleep 0.02; cat)").out, "x\n");
}

TEST_F(ExecTest, PassesMuchOutputUnchanged) {
  const ExecOutput o =
      Shell("head -c 5000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/zero >&2");
  EXPECT_EQ(o.out.size(), 5000000u);
  EXPECT_EQ(o.err.size(), 3000000u);
}

Task<Result<size_t>> CountRest(proto::toolbox::ExecStream* stream) {
  size_t bytes = 0;
  for (;;) {
    CO_ASSIGN_OR_RETURN(const ExecEvent event, co_await stream->Next());
    if (event.kind == ExecEvent::Kind::kExited) co_return bytes;
    bytes += event.data.size();
  }
}

// The command fills all that is between it and the reader and ends; the grace passes, and only then
// the reader reads.
TEST_F(ExecTest, LosesNothingToAReaderThatIsLate) {
  ExecRequest r;
  r.command =
      "for i in $(seq 30); do LC_ALL=C dd if=/dev/zero bs=4096 oflag=nonblock 2>>dd; sleep 0.01; "
      "done; echo >done";
  auto stream = Get(client_->Exec(r));
  ASSERT_TRUE(stream) << stream.error().message();
  ASSERT_TRUE(Eventually([this] { return Slurp(home_ + "/done") == "\n"; }));
  usleep(300'000);
  std::istringstream lines(Slurp(home_ + "/dd"));
  size_t written = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with(" records out")) written += std::stoul(line) * 4096;
  }
  ASSERT_GT(written, 100'000u) << Slurp(home_ + "/dd");
  const auto got = Get(CountRest(stream->get()));
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(*got, written);
}

TEST_F(ExecTest, TakesCommandsLongerThanAnArgument) {
  const std::string filler(300 * 1024, '#');
  EXPECT_EQ(Shell("echo \"a  b\"\n" + filler + "\necho c").out, "a  b\nc\n");
}

Task<Result<std::string>> Cat(ToolboxClient* client, std::string input) {
  ExecRequest r;
  r.command = "cat";
  r.stdin_open = true;
  CO_ASSIGN_OR_RETURN(auto stream, co_await client->Exec(r));
  CO_RETURN_IF_ERROR(co_await stream->WriteStdin(input));
  CO_RETURN_IF_ERROR(co_await stream->CloseStdin());
  std::string out;
  for (;;) {
    CO_ASSIGN_OR_RETURN(ExecEvent event, co_await stream->Next());
    if (event.kind == ExecEvent::Kind::kExited) co_return std::move(out);
    out += event.data;
  }
}

TEST_F(ExecTest, FeedsStdinToItsEnd) {
  auto out = Get(Cat(client_.get(), "line\n"));
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_EQ(*out, "line\n");
}

Task<Result<pid_t>> StartAndHangUp(ToolboxClient* client) {
  ExecRequest r;
  r.command = "echo $$; exec sleep 1000";
  CO_ASSIGN_OR_RETURN(auto stream, co_await client->Exec(r));
  CO_ASSIGN_OR_RETURN(ExecEvent event, co_await stream->Next());
  co_return static_cast<pid_t>(std::atoi(event.data.c_str()));
}

TEST_F(ExecTest, KillsTheCommandWhenTheHostHangsUp) {
  auto pid = Get(StartAndHangUp(client_.get()));
  ASSERT_TRUE(pid);
  EXPECT_TRUE(Eventually([&pid] { return kill(*pid, 0) != 0; }));
}

Task<Result<int>> SignalFullPipe(ToolboxClient* client) {
  ExecRequest r;
  r.command = "trap 'exit 42' TERM; echo ready; while :; do sleep 0.01; done";
  r.stdin_open = true;
  CO_ASSIGN_OR_RETURN(auto stream, co_await client->Exec(r));
  CO_RETURN_IF_ERROR(co_await stream->Next());
  CO_RETURN_IF_ERROR(co_await stream->WriteStdin(std::string(200'000, 'x')));  // nobody reads it
  CO_RETURN_IF_ERROR(co_await stream->Signal(SIGTERM));
  for (;;) {  // the shell may say on stderr what became of its sleep
    CO_ASSIGN_OR_RETURN(ExecEvent event, co_await stream->Next());
    if (event.kind == ExecEvent::Kind::kExited) co_return event.status.code;
  }
}

TEST_F(ExecTest, DeliversSignalsThoughStdinIsFull) {
  auto code = Get(SignalFullPipe(client_.get()));
  ASSERT_TRUE(code) << code.error().message();
  EXPECT_EQ(*code, 42);
}

Task<Result<std::string>> Terminal(ToolboxClient* client) {
  ExecRequest r;
  r.command = "test -t 0 && test -t 1 && stty size; read x; stty size; echo got $x; sleep 100";
  r.pty = true;
  r.window = {100, 40};
  CO_ASSIGN_OR_RETURN(auto stream, co_await client->Exec(r));
  std::string out;
  bool asked = false;
  bool interrupted = false;
  for (;;) {
    CO_ASSIGN_OR_RETURN(ExecEvent event, co_await stream->Next());
    if (event.kind == ExecEvent::Kind::kExited) {
      co_return out + std::to_string(event.status.code);
    }
    out += event.data;
    if (!asked && out.find("40 100") != std::string::npos) {
      asked = true;
      CO_RETURN_IF_ERROR(co_await stream->Resize({120, 50}));
      CO_RETURN_IF_ERROR(co_await stream->WriteStdin("hello\r"));
    }
    if (!interrupted && out.find("got hello") != std::string::npos) {
      interrupted = true;
      CO_RETURN_IF_ERROR(co_await stream->WriteStdin("\x03"));  // ^C
    }
  }
}

TEST_F(ExecTest, GivesATerminalThatResizesAndInterrupts) {
  auto out = Get(Terminal(client_.get()));
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_NE(out->find("50 120"), std::string::npos) << *out;
  EXPECT_TRUE(out->ends_with("130")) << *out;
}

TEST_F(ExecTest, CountsWhatRuns) {
  EXPECT_EQ(Get(client_->Info())->running, 0u);
  ExecRequest r;
  r.command = "sleep 1000";
  {
    auto stream = Get(client_->Exec(r));
    ASSERT_TRUE(stream);
    EXPECT_EQ(Get(client_->Info())->running, 1u);
  }
  EXPECT_TRUE(Eventually([this] { return Get(client_->Info())->running == 0; }));
}

}  // namespace
}  // namespace cove::toolbox
