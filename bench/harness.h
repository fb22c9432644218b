// What every row of the benchmark shares: options, times, contestants in turn, the tables.
//
// A benchmark is a program that ends with a message at the first thing that is not as expected, so
// nothing here returns an error; it never fails because of a time. Thread: any, unless noted.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace cove::bench {

using Clock = std::chrono::steady_clock;

[[noreturn]] void Die(const std::string& what);
double MillisSince(Clock::time_point start);

// `--name value` pairs; `--peer 'NAME=COMMAND'` may come several times.
class Options {
 public:
  Options(int argc, char** argv, int first);
  // Dies when it was not given.
  const std::string& Text(const std::string& name) const;
  int Number(const std::string& name, int otherwise) const;
  const std::vector<std::pair<std::string, std::string>>& peers() const { return peers_; }

 private:
  std::map<std::string, std::string> values_;
  std::vector<std::pair<std::string, std::string>> peers_;
};

// One who takes part: `once` gives one measured value.
struct Contestant {
  std::string name;
  std::function<double()> once;
  std::vector<double> values = {};
};

// Runs all in turn (A B C, A B C, ...), so that they see the same machine: --rounds of them, or
// `rounds`. Before each, if there are several, a pause of --pause milliseconds, or 10: one would
// else be measured while the kernel still takes down what the one before it left (docker's
// containers take milliseconds). It also lets the processors go to sleep, as between the calls of
// users; without it each is quicker, and most so who consists of several processes.
void RunInTurn(std::vector<Contestant>& contestants, const Options& options, int rounds,
               int warm_up);

// p in 0..1. REQUIRES: !values.empty().
double Percentile(std::vector<double> values, double p);

// "| name | n | p50 | p99 | p50 / first's |"; `unit` stands in the head. Of rates the slow end is
// the low one, so their second number is the first percentile.
enum class Kind { kTimes, kRates };
void PrintTable(const std::vector<Contestant>& contestants, const std::string& unit,
                Kind kind = Kind::kTimes);

// A line "- what: value unit".
void PrintFact(const std::string& what, double value, const std::string& unit);

// The rows; each prints its own table.
void Create(const Options& options);
void Exec(const Options& options);
void Burst(const Options& options);
void Churn(const Options& options);
void Delete(const Options& options);
void Idle(const Options& options);
void Transfer(const Options& options);
void Pty(const Options& options);
void Cycles(const Options& options);

}  // namespace cove::bench
