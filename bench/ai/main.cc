// cove_bench_ai provider | idle|first-byte|calls|streams --peer 'NAME=PORT/PATH'...
// The parts of the benchmark's row of the model gateway; bench/ai/run.sh starts them.
#include <csignal>

#include "ai/ai.h"

int main(int argc, char** argv) {
  using namespace cove::bench;
  std::signal(SIGPIPE, SIG_IGN);
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "provider") {
    ServeProvider();
  } else if (verb == "idle") {
    IdleStreams(Options(argc, argv, 2));
  } else if (verb == "first-byte") {
    FirstByte(Options(argc, argv, 2));
  } else if (verb == "calls") {
    Calls(Options(argc, argv, 2));
  } else if (verb == "streams") {
    Streams(Options(argc, argv, 2));
  } else {
    Die("which part? provider, idle, first-byte, calls, streams");
  }
  return 0;
}
