// Goal: what the runner's death cut off is not taken for a failure. Method: a runner that closes
// its end of the channel instead of answering.
#include "control/links.h"

#include <gtest/gtest.h>

#include "async/deadline.h"

namespace cove::control {
namespace {

Task<void> StopInto(RunnerLink* link, std::optional<Result<void>>* out) {
  out->emplace(co_await link->StopBox(SandboxId("x"), milliseconds(0)));
}

TEST(LinksTest, ARequestThatTheRunnersDeathCutOffHasNoOutcome) {
  async::Loop loop;
  auto pair = net::StreamPair();
  ASSERT_TRUE(pair.ok());
  std::optional<proto::Channel> runner(std::in_place, std::move(pair->first));
  proto::RunnerClient client(std::move(pair->second));
  RunnerLink link(client);
  std::optional<Result<void>> outcome;
  async::TaskGroup group;
  group.Spawn(StopInto(&link, &outcome));
  runner.reset();
  loop.RunUntil(client.WaitClosed());
  // A request after that is told nothing either.
  group.Spawn(StopInto(&link, &outcome));
  loop.RunUntil([]() -> Task<void> { co_await async::Sleep(milliseconds(20)); }());
  EXPECT_FALSE(outcome.has_value());
}

}  // namespace
}  // namespace cove::control
