// Goal: a command of a session ends with all of its output in its log, however slow we are.
// Method: a command without a shell: the test writes into its FIFOs and says when it ends.
#include "toolbox/command.h"

#include <fcntl.h>

#include <list>

#include "base/testing.h"

namespace cove::toolbox {
namespace {

constexpr size_t kPipe = 1 << 20;  // what a user may make of one
constexpr size_t kWritten = kPipe - 4096;

struct Place {
  Children children;
  Spawner spawner{Confinement{}, children};
  Leftovers leftovers;
  OomWatch oom{UniqueFd(), UniqueFd()};
  Shared shared{spawner, leftovers, oom};
};

// The loop stands still for longer than the grace while the command's end is awaited, as it does
// when the disk of the log is slow.
Task<void> EndWhileStandingStill(Command* command, std::string fifo) {
  co_await async::Yield();
  {
    const UniqueFd out(open(fifo.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    EXPECT_GE(fcntl(out.get(), F_SETPIPE_SZ, kPipe), static_cast<int>(kPipe));
    const std::string text(kWritten, 'x');
    EXPECT_EQ(write(out.get(), text.data(), text.size()), static_cast<ssize_t>(kWritten));
  }
  async::TaskGroup tasks;
  tasks.Spawn(command->Finish(0, getpid()));
  co_await async::Yield();
  usleep(1000 * static_cast<useconds_t>(2 * kOutputGrace.count()));
  co_await tasks.Join();
}

TEST(CommandTest, EndsWithWhatItWroteThoughTheGraceWentByUnused) {
  async::Loop loop;
  const TempDir folder;
  Place place;
  proto::toolbox::SessionExec request;
  request.command = "true";
  auto log = std::make_shared<CommandLog>(folder.fd(), "log");
  Command command(place.shared, folder.fd(), 1, std::move(request), log);
  ASSERT_TRUE(command.Prepare());
  loop.RunUntil(EndWhileStandingStill(&command, folder / "o1"));
  EXPECT_TRUE(command.info().ended);
  EXPECT_GE(log->end(), kWritten) << "where those stop who followed it";
}

TEST(CommandTextTest, AnAnswerWithManyIsOneFrame) {
  proto::toolbox::SessionList list;
  list.sessions.resize(3);
  list.sessions[0].commands.push_back({"short", "true"});
  for (size_t i = 0; i < 1000; ++i) {
    std::string shown;
    const CommandText text(std::string(20'000, 'x'), &shown);
    list.sessions[2].commands.push_back({std::string(36, 'i'), std::move(shown)});
  }
  FitTexts(&list);
  EXPECT_LT(proto::Encode(list).size(), proto::kFrameBodyMax);
  EXPECT_EQ(list.sessions[0].commands[0].command, "true");
  EXPECT_TRUE(list.sessions[2].commands[999].command.ends_with("x\n[cove: cut here]"));
}

TEST(CommandTextTest, WhatIsShownOfAllIsBounded) {
  std::list<CommandText> texts;
  size_t shown_of_all = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string shown;
    texts.emplace_back(std::string(20'000, 'x'), &shown).Drop();
    shown_of_all += shown.size();
  }
  EXPECT_LT(shown_of_all, 17u << 20);
}

}  // namespace
}  // namespace cove::toolbox
