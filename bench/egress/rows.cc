#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "egress/client.h"
#include "process_facts.h"

namespace cove::bench {
namespace {

constexpr char kHost[] = "opaque.test";
constexpr uint16_t kHoldPort = 443;
constexpr size_t kAtOnce = 200;

std::vector<Contestant> Each(const std::vector<Path>& paths, double (*once)(const Path&)) {
  std::vector<Contestant> out;
  for (const Path& path : paths) out.push_back({path.name, [path, once] { return once(path); }});
  return out;
}

double ConnectOnce(const Path& path) {
  const auto start = Clock::now();
  const UniqueFd fd = Dial(path, kHost);
  return MillisSince(start);
}

double FirstByteOnce(const Path& path) {
  const auto start = Clock::now();
  TlsClient client(Dial(path, kHost), kHost);
  client.Get(kHost, "/small", 1);
  return MillisSince(start);
}

uint64_t big_bytes = 0;
double ThroughputOnce(const Path& path) {
  TlsClient client(Dial(path, kHost), kHost);
  const auto start = Clock::now();
  const uint64_t got = client.Get(kHost, "/big", big_bytes);
  return static_cast<double>(got) / 1000.0 / MillisSince(start);
}

uint64_t SumKib(const std::vector<pid_t>& pids) {
  uint64_t sum = 0;
  for (const pid_t pid : pids) sum += PrivateKib(pid);
  return sum;
}

}  // namespace

std::vector<Path> ReadPaths(const Options& options) {
  std::vector<Path> out;
  for (const auto& [name, how] : options.peers()) {
    Path path;
    path.name = name;
    const size_t colon = how.find(':');
    if (colon != std::string::npos) {
      path.kind = how.starts_with("connect") ? Path::Kind::kConnect : Path::Kind::kTransparent;
      path.port = static_cast<uint16_t>(std::stoi(how.substr(colon + 1)));
    }
    out.push_back(path);
  }
  return out;
}

void Latency(const Options& options) {
  const auto paths = ReadPaths(options);
  auto connects = Each(paths, ConnectOnce);
  RunInTurn(connects, options, 200, 5);
  PrintTable(connects, "ms to connect");
  auto bytes = Each(paths, FirstByteOnce);
  RunInTurn(bytes, options, 200, 5);
  PrintTable(bytes, "ms to the first byte, TLS included");
}

void Throughput(const Options& options) {
  big_bytes = static_cast<uint64_t>(options.Number("mib", 256)) << 20;
  auto contestants = Each(ReadPaths(options), ThroughputOnce);
  RunInTurn(contestants, options, 5, 1);
  PrintTable(contestants, "MB/s, opaque TLS", Kind::kRates);
}

void HoldConnections() {
  UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(kHoldPort);
  inet_pton(AF_INET, kOriginIp, &at.sin_addr);
  const int one = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      listen(listener.get(), 4096) != 0) {
    Die("cannot listen where the origin does");
  }
  if (write(1, "ready\n", 6) != 6) Die("nobody listens");
  std::vector<UniqueFd> held;
  for (;;) {
    UniqueFd fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) Die("no descriptor left");
    held.push_back(std::move(fd));
    // One byte says to the client that the tunnel stands.
    if (send(held.back().get(), "x", 1, MSG_NOSIGNAL) != 1) held.pop_back();
  }
}

void Tunnels(const Options& options) {
  const auto paths = ReadPaths(options);
  const int many = options.Number("many", 10'000);
  std::vector<pid_t> pids;
  for (const Path& path : paths) pids.push_back(options.Number(path.name, 0));
  const std::string hello = HelloFor(kHost);
  const uint64_t before = SumKib(pids);
  const auto start = Clock::now();
  std::vector<UniqueFd> open;
  // No more at a time than decisions may wait for the disk.
  for (size_t checked = 0; checked < static_cast<size_t>(many);) {
    while (open.size() < static_cast<size_t>(many) && open.size() < checked + kAtOnce) {
      open.push_back(Dial(paths[open.size() % paths.size()], kHost));
      if (send(open.back().get(), hello.data(), hello.size(), MSG_NOSIGNAL) < 0) Die("cut");
    }
    char byte = 0;
    for (; checked < open.size(); ++checked) {
      if (recv(open[checked].get(), &byte, 1, 0) != 1) Die("a tunnel did not open");
    }
  }
  PrintFact("tunnels opened", many / (MillisSince(start) / 1000), "per second");
  const uint64_t after = SumKib(pids);
  PrintFact(std::to_string(many) + " idle tunnels, private memory each",
            static_cast<double>(after - before) / many, "KiB");
}

}  // namespace cove::bench
