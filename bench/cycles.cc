// cycles: --rounds sandboxes made and deleted one after the other; what the server and the machine
// hold at the end beside what they held after the first ones, and the latency of both.
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "api.h"
#include "process_facts.h"

namespace cove::bench {
namespace {

// What is reclaimed in the background.
void Settle(const Options& options) { sleep(static_cast<unsigned>(options.Number("settle", 5))); }

struct Held {
  std::string what;
  double amount;
};

std::vector<Held> Look(const Options& options) {
  const pid_t runner = options.Number("runner", 0);
  const pid_t front = ChildrenNamed(runner, "cove-front").at(0);
  struct statvfs disk{};
  if (statvfs(options.Text("data").c_str(), &disk) != 0) Die("statvfs");
  const auto used = static_cast<double>((disk.f_blocks - disk.f_bfree) * disk.f_frsize);
  const auto number = [](uint64_t n) { return static_cast<double>(n); };
  return {{"runner's descriptors", number(Descriptors(runner))},
          {"front's descriptors", number(Descriptors(front))},
          {"runner's children", number(TreeOf(runner).size())},
          {"runner's mounts", number(Mounts(runner))},
          {"machine's network namespaces (slab)", number(NetworkNamespaces())},
          {"machine's cgroups", number(Cgroups())},
          {"runner's resident MiB", number(ResidentKib(runner)) / 1024},
          {"front's resident MiB", number(ResidentKib(front)) / 1024},
          {"disk used MiB", used / 1048576}};
}

}  // namespace

void Cycles(const Options& options) {
  const int rounds = options.Number("rounds", 10'000);
  const int part = std::max(1, rounds / 10);
  Api api(options);
  std::vector<Held> first;
  Contestant early{"create + delete, first tenth", {}};
  Contestant late{"create + delete, last tenth", {}};
  for (int i = 0; i < rounds; ++i) {
    const auto start = Clock::now();
    api.Delete(api.Create());
    const double ms = MillisSince(start);
    if (i < part) early.values.push_back(ms);
    if (i >= rounds - part) late.values.push_back(ms);
    if (i != part - 1) continue;
    Settle(options);
    first = Look(options);
  }
  Settle(options);
  const std::vector<Held> last = Look(options);
  std::printf("| held | after %d | after %d |\n|---|---|---|\n", part, rounds);
  for (size_t i = 0; i < last.size(); ++i) {
    std::printf("| %s | %.1f | %.1f |\n", last[i].what.c_str(), first[i].amount, last[i].amount);
  }
  std::printf("\n");
  PrintTable({early, late}, "ms");
}

}  // namespace cove::bench
