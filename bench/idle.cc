// idle: what a sandbox costs in which nothing runs: private memory and wake-ups of all its
// processes, then creates with --many idle ones on the machine beside creates with none.
#include <unistd.h>

#include "api.h"
#include "process_facts.h"

namespace cove::bench {
namespace {

// The toolbox goes to sleep after its last operation.
void Settle(const Options& options) { sleep(static_cast<unsigned>(options.Number("settle", 2))); }

constexpr int kRounds = 50;

double CreateOnce(Api& api) {
  const auto start = Clock::now();
  const std::string id = api.Create();
  (void)api.Exec(id, "echo x");
  const double ms = MillisSince(start);
  api.Delete(id);
  return ms;
}

void MeasureOne(Api& api, const Options& options) {
  const pid_t runner = options.Number("runner", 0);
  const auto others = ChildrenNamed(runner, "cove-toolbox");
  const std::string id = api.Create();
  (void)api.Exec(id, "echo x");
  std::vector<pid_t> processes;
  for (const pid_t pid : ChildrenNamed(runner, "cove-toolbox")) {
    if (std::find(others.begin(), others.end(), pid) != others.end()) continue;
    for (const pid_t one : TreeOf(pid)) processes.push_back(one);
  }
  if (processes.empty()) Die("no toolbox below the runner");
  Settle(options);
  const auto sum = [&processes](uint64_t (*of)(pid_t)) {
    uint64_t total = 0;
    for (const pid_t pid : processes) total += of(pid);
    return static_cast<double>(total);
  };
  const double before = sum(Switches);
  const int seconds = options.Number("seconds", 30);
  sleep(static_cast<unsigned>(seconds));
  PrintFact("wake-ups of one idle sandbox in " + std::to_string(seconds) + " s",
            sum(Switches) - before, "");
  PrintFact("its processes", static_cast<double>(processes.size()), "");
  PrintFact("their private memory", sum(PrivateKib) / 1024, "MiB");
  api.Delete(id);
}

}  // namespace

void Idle(const Options& options) {
  Api api(options);
  MeasureOne(api, options);
  std::vector<Contestant> none = {{"create, none idle", [&] { return CreateOnce(api); }}};
  RunInTurn(none, options, kRounds, 3);
  std::vector<std::string> ids;
  const int many = options.Number("many", 1000);
  for (int i = 0; i < many; ++i) ids.push_back(api.Create(R"("disk":1)"));
  std::vector<Contestant> all = {
      {"create, " + std::to_string(many) + " idle", [&] { return CreateOnce(api); }}};
  RunInTurn(all, options, kRounds, 3);
  all.insert(all.begin(), none.front());
  PrintTable(all, "ms");
  for (const std::string& id : ids) api.Delete(id);
}

}  // namespace cove::bench
