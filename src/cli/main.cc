// The executable `cove`: picks the program that a verb names. Nothing else is decided here.
//
// `serve` is the runner; `front` and `worker` are internal verbs that it starts itself with; every
// other verb belongs to the command line.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "runner/serve.h"
#if __has_include("front/front.h")
#include "front/front.h"
#endif
#if __has_include("cli/cli.h")
#include "cli/cli.h"
#endif

int main(int argc, char** argv) {
  std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  const std::string verb = args.empty() ? std::string() : args.front();
  const std::vector<std::string> rest(args.begin() + (args.empty() ? 0 : 1), args.end());
  if (verb == "serve") return cove::runner::ServeMain(rest);
  if (verb == "worker") return cove::runner::WorkerMain(rest);
#if __has_include("front/front.h")
  if (verb == "front") return cove::front::FrontMain(rest);
#endif
#if __has_include("cli/cli.h")
  return cove::cli::CliMain(args);
#else
  std::fprintf(stderr, "cove: unknown verb '%s'; try `cove serve`\n", verb.c_str());
  return 2;
#endif
}
