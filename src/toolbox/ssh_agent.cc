#include "toolbox/ssh_agent.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "async/task_group.h"
#include "proto/ssh_agent.h"
#include "toolbox/paths.h"

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

// In a folder that is everybody's: all is done in the one that was opened, and the socket is open
// to all users from its first moment.
Result<UniqueFd> ListenForSshAgent() {
  const std::string socket = proto::kSshAgentSocket;
  ASSIGN_OR_RETURN(const UniqueFd folder, OpenPath(ParentOf(socket), O_PATH | O_DIRECTORY));
  // Left by the sandbox's run before.
  (void)::unlinkat(folder.get(), BaseName(socket).c_str(), 0);
  const mode_t before = ::umask(0111);
  auto listener = net::ListenUnix(NameOf(folder) + "/" + BaseName(socket));
  ::umask(before);
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
