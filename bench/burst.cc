// burst: --many creates at once, each on a connection of its own, until the last is answered.
#include <barrier>
#include <memory>
#include <thread>

#include "api.h"

namespace cove::bench {
namespace {

double Once(const Options& options, int many) {
  std::vector<std::unique_ptr<Api>> clients;
  for (int i = 0; i < many; ++i) clients.push_back(std::make_unique<Api>(options));
  std::vector<std::string> ids(clients.size());
  std::barrier ready(many + 1);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < clients.size(); ++i) {
    threads.emplace_back([&, i] {
      ready.arrive_and_wait();
      ids[i] = clients[i]->Create();
    });
  }
  ready.arrive_and_wait();
  const auto start = Clock::now();
  for (std::thread& t : threads) t.join();
  const double ms = MillisSince(start);
  for (const std::string& id : ids) clients[0]->Delete(id);
  return ms;
}

}  // namespace

void Burst(const Options& options) {
  const int many = options.Number("many", 100);
  std::vector<Contestant> all = {
      {"Cove, " + std::to_string(many) + " creates at once", [&] { return Once(options, many); }}};
  RunInTurn(all, options, 10, 1);
  PrintTable(all, "ms");
}

}  // namespace cove::bench
