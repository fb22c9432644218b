// delete: how long the request takes that deletes a sandbox in which a command has run.
#include "api.h"
#include "command.h"

namespace cove::bench {

void Delete(const Options& options) {
  Api api(options);
  std::vector<Contestant> all = {{"Cove", [&] {
                                    const std::string id = api.Create();
                                    (void)api.Exec(id, "echo x >file");
                                    const auto start = Clock::now();
                                    api.Delete(id);
                                    return MillisSince(start);
                                  }}};
  for (Contestant& peer : Peers(options, WholeRun)) all.push_back(std::move(peer));
  constexpr int kWarmUp = 3;
  RunInTurn(all, options, 200, kWarmUp);
  PrintTable(all, "ms");
}

}  // namespace cove::bench
