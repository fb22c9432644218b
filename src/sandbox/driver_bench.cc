// What a box costs: from Start() to the executed toolbox, and its whole life. Needs root. The
// toolbox is this program itself when a driver executes it (it then only waits).
#include <benchmark/benchmark.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "async/loop.h"
#include "base/text.h"
#include "log/log.h"
#include "sandbox/driver.h"
#include "sys/cgroup.h"

namespace cove::sandbox {
namespace {

struct World {
  std::string root;
  async::Loop loop;
  std::unique_ptr<NamespaceDriver> driver;

  World() {
    char name[] = "/var/tmp/cove-bench-XXXXXX";
    root = mkdtemp(name);
    mkdir((root + "/layer").c_str(), 0755);
    const char* toolbox = std::getenv("COVE_BENCH_TOOLBOX");
    auto made = NamespaceDriver::Make({.toolbox_path = toolbox != nullptr ? toolbox : "/bin/false",
                                       .cgroup_parent = "cove-bench"});
    if (!made) {
      std::fprintf(stderr, "%s\n", made.error().message().c_str());
      std::exit(1);
    }
    driver = *std::move(made);
  }
  ~World() {
    driver.reset();
    if (auto tree = sys::CgroupTree::Open("cove-bench")) (void)tree->RemoveParent();
    (void)!std::system(("rm -rf --one-file-system " + root).c_str());
  }
  BoxSpec Spec() {
    BoxSpec spec;
    spec.id = SandboxId(NewUuid());
    spec.layers = {root + "/layer"};
    spec.box_dir = root + "/" + spec.id.value;
    spec.uid_base = 1900000000;
    spec.hostname = "bench";
    spec.socket_path = root + "/" + spec.id.value + ".sock";
    (void)PrepareBoxDir(spec.box_dir);
    return spec;
  }
};

void StartAndEnd(benchmark::State& state) {
  World world;
  std::vector<double> starts;
  for (auto _ : state) {
    BoxSpec spec = world.Spec();
    const SandboxId id = spec.id;
    const TimePoint begin = Now();
    auto box = world.loop.RunUntil(world.driver->Start(std::move(spec)));
    const std::chrono::duration<double> took = Now() - begin;
    if (!box) {
      state.SkipWithError(box.error().message().c_str());
      break;
    }
    state.SetIterationTime(took.count());
    starts.push_back(took.count() * 1e3);
    (void)world.driver->Kill(*box);
    world.loop.RunUntil(world.driver->WaitExit(*box));
    box->sockets = {};
    (void)world.loop.RunUntil(world.driver->RemoveCgroups(id, Now() + seconds(5)));
  }
  if (starts.empty()) return;
  std::sort(starts.begin(), starts.end());
  state.counters["p50_ms"] = starts[starts.size() / 2];
  state.counters["p99_ms"] = starts[starts.size() * 99 / 100];
}
BENCHMARK(StartAndEnd)->UseManualTime()->Iterations(200)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cove::sandbox
