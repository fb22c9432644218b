// create (and pool): from the request for a sandbox to the first byte of a command's output. With
// --pool N the server keeps N sandboxes ready, an environment variable is set at the claim, and
// each round begins when the pool is full again.
#include <unistd.h>

#include "api.h"
#include "command.h"
#include "process_facts.h"

namespace cove::bench {
namespace {

constexpr int kWarmUp = 3;
constexpr int kFillWaitMs = 30'000;

void AwaitFull(pid_t runner, size_t pool) {
  const auto start = Clock::now();
  while (ChildrenNamed(runner, "cove-toolbox").size() < pool) {
    if (MillisSince(start) > kFillWaitMs) Die("the pool did not fill");
    usleep(2000);
  }
}

double Once(Api& api, pid_t runner, size_t pool) {
  if (pool > 0) AwaitFull(runner, pool);
  const auto start = Clock::now();
  const std::string id = api.Create(pool > 0 ? R"("env":{"CLAIMED":"yes"})" : "");
  const std::string out = api.Exec(id, "echo x$CLAIMED");
  const double ms = MillisSince(start);
  if (out.find(pool > 0 ? "xyes\\n" : "x\\n") == std::string::npos) Die("wrong output: " + out);
  api.Delete(id);
  return ms;
}

}  // namespace

void Create(const Options& options) {
  Api api(options);
  const auto pool = static_cast<size_t>(options.Number("pool", 0));
  const pid_t runner = options.Number("runner", 0);
  std::vector<Contestant> all = Peers(options, FirstByte);
  all.insert(all.begin(),
             {pool > 0 ? "Cove, warm" : "Cove, cold", [&] { return Once(api, runner, pool); }});
  RunInTurn(all, options, 100, kWarmUp);
  PrintTable(all, "ms");
}

}  // namespace cove::bench
