// churn: --workers connections create, execute and delete as fast as they can for --seconds.
#include <atomic>
#include <thread>

#include "api.h"

namespace cove::bench {

void Churn(const Options& options) {
  const int workers = options.Number("workers", 4);
  const double limit = options.Number("seconds", 20) * 1000.0;
  std::atomic<int> done = 0;
  const auto start = Clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < workers; ++i) {
    threads.emplace_back([&] {
      Api api(options);
      while (MillisSince(start) < limit) {
        const std::string id = api.Create();
        if (api.Exec(id, "echo x").find("x\\n") == std::string::npos) Die("wrong output");
        api.Delete(id);
        ++done;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  const double seconds = MillisSince(start) / 1000;
  PrintFact("create + exec + delete, " + std::to_string(workers) +
                " clients, n = " + std::to_string(done.load()),
            done / seconds, "per second");
}

}  // namespace cove::bench
