#include "runner/serve.h"

#include <cstdio>

namespace cove::runner {

int ServeMain(const std::vector<std::string>&) {
  std::fputs("cove serve: this build holds no runner\n", stderr);
  return 1;
}

int WorkerMain(const std::vector<std::string>&) { return 2; }

}  // namespace cove::runner
