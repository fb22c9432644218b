// cove_bench_egress gateway DIR | hold | latency|throughput|tunnels --peer 'NAME=PATH'...
// The parts of the benchmark's egress row; bench/egress/run.sh starts them in a namespace of their
// own.
#include <csignal>

#include "egress/egress.h"

int main(int argc, char** argv) {
  using namespace cove::bench;
  std::signal(SIGPIPE, SIG_IGN);
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "gateway" && argc == 3) {
    ServeGateway(argv[2]);
  } else if (verb == "hold") {
    HoldConnections();
  } else if (verb == "latency") {
    Latency(Options(argc, argv, 2));
  } else if (verb == "throughput") {
    Throughput(Options(argc, argv, 2));
  } else if (verb == "tunnels") {
    Tunnels(Options(argc, argv, 2));
  } else {
    Die("which part? gateway DIR, hold, latency, throughput, tunnels");
  }
  return 0;
}
