#include "toolbox/ssh_agent.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "async/task_group.h"
#include "proto/ssh_agent.h"

namespace cove::toolbox {
namespace {

constexpr size_t kConnectionsMax = 32;
constexpr seconds kConnectWait{10};
constexpr Duration kIdle = seconds(600);

Task<void> Bridge(UniqueFd inside, size_t* connections) {
  struct Leave {
    size_t* n;
    ~Leave() { --*n; }
  } const leave{connections};
  net::SocketStream client(std::move(inside));
  const auto address = net::SocketAddress::FromIp(proto::kSshAgentAddress, proto::kSshAgentPort);
  auto outside = co_await net::Connect(*address, Now() + kConnectWait);
  if (!outside) co_return;
  net::PumpTotals totals;
  (void)co_await net::Pump(client, **outside, &totals, kIdle);
}

}  // namespace

bool WantsSshAgent(const Shared& shared) {
  if (shared.spawner.confinement().standalone) return false;
  return std::any_of(shared.env.begin(), shared.env.end(), [](const auto& entry) {
    return entry.first == "SSH_AUTH_SOCK" && entry.second == proto::kSshAgentSocket;
  });
}

Result<UniqueFd> ListenForSshAgent() {
  // Left by the sandbox's run before.
  (void)::unlink(proto::kSshAgentSocket);
  ASSIGN_OR_RETURN(UniqueFd listener, net::ListenUnix(proto::kSshAgentSocket));
  if (::chmod(proto::kSshAgentSocket, 0666) != 0) {
    return Error::FromErrno("open " + std::string(proto::kSshAgentSocket) + " to all users");
  }
  return listener;
}

Task<void> ServeSshAgent(UniqueFd fd) {
  net::Listener listener(std::move(fd));
  size_t connections = 0;
  async::TaskGroup tasks;
  for (;;) {
    auto inside = co_await listener.Accept();
    if (!inside) co_return;
    if (connections >= kConnectionsMax) continue;  // closed at once
    ++connections;
    tasks.Spawn(Bridge(*std::move(inside), &connections));
  }
}

}  // namespace cove::toolbox
