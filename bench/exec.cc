// exec: one command in a sandbox that lives, from the request to its output and exit code. The
// first contestant is one connection that is kept; `cove-floor` of the peers is the same shell
// started on the host.
#include "api.h"
#include "command.h"

namespace cove::bench {

void Exec(const Options& options) {
  Api api(options);
  const std::string id = api.Create();
  std::vector<Contestant> all = Peers(options, WholeRun);
  all.insert(all.begin(), {"Cove, over HTTP", [&] {
                             const auto start = Clock::now();
                             const std::string out = api.Exec(id, "echo x");
                             const double ms = MillisSince(start);
                             if (out.find("x\\n") == std::string::npos) Die("wrong output: " + out);
                             return ms;
                           }});
  constexpr int kWarmUp = 10;
  RunInTurn(all, options, 200, kWarmUp);
  PrintTable(all, "ms");
  api.Delete(id);
}

}  // namespace cove::bench
