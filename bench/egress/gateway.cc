// The door out by itself, for the benchmark: a gateway for four sandboxes on the loopback of the
// benchmark's own network namespace. Which one a connection belongs to, and where it "was going",
// follows from the port that it came in on. Prints the ports, then serves until it is ended.
#include "gateway/gateway.h"

#include <netinet/in.h>
#include <unistd.h>

#include <cstdio>

#include "egress/egress.h"

namespace cove::bench {
namespace {

using gateway::Destination;
using gateway::StandIns;
using net::SocketAddress;

async::Task<Result<std::vector<SocketAddress>>> Resolve(std::string, uint16_t port) {
  co_return std::vector<SocketAddress>{*SocketAddress::FromIp(kOriginIp, port)};
}

struct Way {
  const char* name;
  Destination destination;
  uint16_t port = 0;
};

Result<std::vector<UniqueFd>> Sockets(uint16_t* port) {
  const SocketAddress v4 = *SocketAddress::FromIp("127.0.0.1", 0);
  std::vector<UniqueFd> out(4);
  ASSIGN_OR_RETURN(out[0], net::ListenTcp(v4));
  ASSIGN_OR_RETURN(out[1], net::ListenTcp(*SocketAddress::FromIp("::1", 0)));
  out[2] = UniqueFd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSIGN_OR_RETURN(out[3], net::ListenTcp(v4));
  ASSIGN_OR_RETURN(const SocketAddress bound, net::LocalAddress(out[0].get()));
  *port = bound.port();
  return out;
}

async::Task<void> Forever() {
  async::Event never;
  co_await never.Wait();
}

}  // namespace

void ServeGateway(const std::string& directory) {
  async::Loop loop;
  async::ThreadPool audit_pool(1);
  async::ThreadPool resolver_pool(1);
  auto audit = audit::Log::Open(directory, audit_pool);
  auto authority = gateway::Authority::Open(directory);
  auto upstream = net::TlsContext::MakeClient(directory + "/origin.pem");
  auto document = policy::ParseToml(
      "allow = \"opaque.test\"\n[[rule]]\nallow = \"inspect.test\"\ninspect = true\n", "bench",
      policy::Layer::kServer);
  if (!audit || !authority || !upstream || !document) Die("the gateway's parts cannot be made");
  const auto policy =
      policy::Policy::Make({{policy::Layer::kServer, nullptr,
                             std::make_shared<const policy::Document>(*std::move(document))}});

  Way ways[] = {{"opaque", {StandIns::FirstChoice("opaque.test"), 443}},
                {"inspect", {StandIns::FirstChoice("inspect.test"), 443}},
                {"proxy", {StandIns::FirstChoice("proxy.cove"), 3128}}};
  gateway::Deps deps;
  deps.policy = [policy](const SandboxId&) { return policy; };
  deps.audit = audit->get();
  deps.resolver_pool = &resolver_pool;
  deps.resolver = Resolve;
  deps.authority = authority->get();
  deps.upstream_tls = *upstream;
  deps.local_networks = [] { return policy::LocalNetworks{}; };
  deps.limits.connections_max = 20'000;
  deps.limits.connections_per_sandbox_max = 20'000;
  deps.limits.hello_timeout = seconds(120);
  deps.limits.dial_timeout = seconds(120);
  deps.destination = [&ways](int fd) -> Result<Destination> {
    ASSIGN_OR_RETURN(const SocketAddress local, net::LocalAddress(fd));
    for (const Way& way : ways) {
      if (way.port == local.port()) return way.destination;
    }
    return Error(Code::kNotFound, "no such way");
  };
  gateway::Gateway door(std::move(deps));
  for (Way& way : ways) {
    auto sockets = Sockets(&way.port);
    if (!sockets ||
        !door.Attach(SandboxId(way.name), "bench", *std::move(sockets), way.port).ok()) {
      Die("the gateway's sockets cannot be made");
    }
    std::printf("%s=%u ", way.name, way.port);
  }
  std::printf("\n");
  std::fflush(stdout);
  loop.RunUntil(Forever());
}

}  // namespace cove::bench
