#include "harness.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace cove::bench {
void Die(const std::string& what) {
  std::fprintf(stderr, "cove_bench: %s\n", what.c_str());
  std::exit(1);
}

double MillisSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

Options::Options(int argc, char** argv, int first) {
  for (int i = first; i < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag.rfind("--", 0) != 0 || i + 1 >= argc) Die("flags come as --name value: " + flag);
    const std::string value = argv[i + 1];
    if (flag != "--peer") {
      values_[flag.substr(2)] = value;
      continue;
    }
    const size_t eq = value.find('=');
    if (eq == std::string::npos) Die("--peer NAME=COMMAND");
    peers_.emplace_back(value.substr(0, eq), value.substr(eq + 1));
  }
}

const std::string& Options::Text(const std::string& name) const {
  const auto it = values_.find(name);
  if (it == values_.end()) Die("--" + name + " is missing");
  return it->second;
}

int Options::Number(const std::string& name, int otherwise) const {
  const auto it = values_.find(name);
  return it == values_.end() ? otherwise : std::atoi(it->second.c_str());
}

void RunInTurn(std::vector<Contestant>& contestants, const Options& options, int rounds,
               int warm_up) {
  rounds = options.Number("rounds", rounds);
  const auto pause = static_cast<useconds_t>(options.Number("pause", 10)) * 1000;
  for (int round = -warm_up; round < rounds; ++round) {
    for (Contestant& c : contestants) {
      if (contestants.size() > 1) usleep(pause);
      const double value = c.once();
      if (round >= 0) c.values.push_back(value);
    }
  }
}

double Percentile(std::vector<double> values, double p) {
  std::sort(values.begin(), values.end());
  const auto at = static_cast<size_t>(p * static_cast<double>(values.size()));
  return values[std::min(values.size() - 1, at)];
}

void PrintTable(const std::vector<Contestant>& contestants, const std::string& unit, Kind kind) {
  const double slow = kind == Kind::kTimes ? 0.99 : 0.01;
  std::printf("| who | n | p50 %s | %s %s | p50 / first's |\n|---|---|---|---|---|\n", unit.c_str(),
              kind == Kind::kTimes ? "p99" : "p1", unit.c_str());
  const double base = Percentile(contestants.front().values, 0.5);
  for (const Contestant& c : contestants) {
    const double p50 = Percentile(c.values, 0.5);
    std::printf("| %s | %zu | %.3g | %.3g | %.2f |\n", c.name.c_str(), c.values.size(), p50,
                Percentile(c.values, slow), p50 / base);
  }
  std::fflush(stdout);
}

void PrintFact(const std::string& what, double value, const std::string& unit) {
  std::printf("- %s: %.2f %s\n", what.c_str(), value, unit.c_str());
  std::fflush(stdout);
}

}  // namespace cove::bench
