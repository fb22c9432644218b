// cove_bench ROW --url URL --key KEY [--runner PID] [--rounds N] [--peer 'NAME=COMMAND']...
// One row of the speed table against a running server; ./dev bench starts all that it needs.
#include "harness.h"

int main(int argc, char** argv) {
  using namespace cove::bench;
  const std::map<std::string, void (*)(const Options&)> rows = {
      {"create", Create}, {"exec", Exec},         {"burst", Burst}, {"churn", Churn},
      {"delete", Delete}, {"idle", Idle},         {"pty", Pty},     {"cycles", Cycles},
      {"pool", Create},   {"transfer", Transfer},
  };
  const auto row = rows.find(argc > 1 ? argv[1] : "");
  if (row == rows.end()) Die("which row? create, pool, exec, burst, churn, delete, idle, ...");
  row->second(Options(argc, argv, 2));
  return 0;
}
