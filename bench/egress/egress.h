// What the egress row of the benchmark consists of; bench/egress/run.sh puts it together.
#pragma once

#include <string>
#include <vector>

#include "harness.h"

namespace cove::bench {

// Where the origin listens: a documentation address on the loopback of the namespace.
inline constexpr char kOriginIp[] = "203.0.113.20";

// How to get to the origin: "NAME=direct", "NAME=transparent:PORT" or "NAME=connect:PORT".
struct Path {
  enum class Kind { kDirect, kTransparent, kConnect };
  std::string name;
  Kind kind = Kind::kDirect;
  uint16_t port = 443;
};
std::vector<Path> ReadPaths(const Options& options);

void ServeGateway(const std::string& directory);
// Accepts without end and keeps what it accepts; prints "ready".
void HoldConnections();

// Connect and first byte, in turn over all paths.
void Latency(const Options& options);
// Bytes of a large file over TLS.
void Throughput(const Options& options);
// Memory of idle tunnels through the processes given.
void Tunnels(const Options& options);

}  // namespace cove::bench
