#include "gateway/gateway.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "gateway/connection.h"
#include "gateway/dns_service.h"
#include "log/log.h"

namespace cove::gateway {
namespace {

constexpr size_t kSocketsPerBox = 4;
constexpr Duration kLocalNetworksFor = seconds(5);

// A connection needs two descriptors, and as many again are for idle ones of HTTP clients.
size_t ConnectionsByDescriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
  const size_t all = std::min<size_t>(limit.rlim_cur, 1 << 20);
  return all > 2 * kDescriptorsReserved ? (all - kDescriptorsReserved) / 3 : all / 6;
}

// The list changes rarely and is asked for with every connection.
class CachedNetworks {
 public:
  Result<policy::LocalNetworks> Get() {
    if (Now() >= stale_) {
      ASSIGN_OR_RETURN(networks_, ReadLocalNetworks());
      stale_ = Now() + kLocalNetworksFor;
    }
    return networks_;
  }

 private:
  policy::LocalNetworks networks_;
  TimePoint stale_{};
};

void Reset(UniqueFd fd) {
  const linger now{1, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

bool IsSocketOfType(int fd, int type) {
  int actual = 0;
  socklen_t size = sizeof actual;
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &actual, &size) == 0 && actual == type;
}

}  // namespace

struct Gateway::Attached {
  Attached(const Deps& deps, Load& load, SandboxId id, std::string user, uint16_t port)
      : box(deps, load, std::move(id), std::move(user), port) {}
  Box box;
  async::TaskGroup tasks;
};

Gateway::Gateway(Deps deps) : deps_(std::move(deps)), alive_(std::make_shared<Gateway*>(this)) {
  if (deps_.limits.connections_max == 0) {
    deps_.limits.connections_max = ConnectionsByDescriptors();
  }
  if (!deps_.destination) deps_.destination = OriginalDestination;
  if (!deps_.local_networks) {
    deps_.local_networks = [cache = std::make_shared<CachedNetworks>()] { return cache->Get(); };
  }
}

Gateway::~Gateway() { *alive_ = nullptr; }

Result<void> Gateway::Attach(SandboxId id, std::string user, std::vector<UniqueFd> sockets,
                             uint16_t tcp_port) {
  if (attached(id)) return Error(Code::kConflict, "sandbox " + id.value + " is attached already");
  constexpr int kTypes[kSocketsPerBox] = {SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM, SOCK_STREAM};
  if (sockets.size() != kSocketsPerBox) {
    return Error(Code::kInvalid, "a sandbox has four gateway sockets");
  }
  for (size_t i = 0; i < kSocketsPerBox; ++i) {
    if (!IsSocketOfType(sockets[i].get(), kTypes[i])) {
      return Error(Code::kInvalid, "gateway socket " + std::to_string(i) + " is of another type");
    }
  }
  auto made = std::make_unique<Attached>(deps_, load_, id, std::move(user), tcp_port);
  Attached* attached = made.get();
  boxes_[std::move(id)] = std::move(made);
  async::TaskGroup& tasks = attached->tasks;
  tasks.Spawn(AcceptAll(attached, std::move(sockets[0]), ServeTransparent, TurnAwayTransparent));
  tasks.Spawn(AcceptAll(attached, std::move(sockets[1]), ServeTransparent, TurnAwayTransparent));
  tasks.Spawn(ServeUdp(attached, std::move(sockets[2])));
  tasks.Spawn(AcceptAll(attached, std::move(sockets[3]), ServeDnsTcp, nullptr));
  return Ok();
}

void Gateway::Detach(const SandboxId& id) {
  // Taken out first: `id` may be the one that lies in there.
  const auto gone = boxes_.extract(id);
}

void Gateway::DetachAll() { const auto gone = std::exchange(boxes_, {}); }

void Gateway::PolicyChanged(const SandboxId& id) {
  const auto it = boxes_.find(id);
  if (it != boxes_.end()) it->second->box.flows.Notify();
}

Gateway::Serve Gateway::Admit(Attached* attached, Serve serve, Serve turn_away,
                              std::shared_ptr<void>* place) {
  const Limits& limits = deps_.limits;
  Box& box = attached->box;
  if (load_.connections < limits.connections_max &&
      box.connections < limits.connections_per_sandbox_max) {
    *place = TakePlace(load_.connections, box.connections);
    return serve;
  }
  const bool told = turn_away != nullptr && turned_away_ < limits.turned_away_max &&
                    box.turned_away < limits.turned_away_per_sandbox_max;
  if (!told) return nullptr;
  *place = TakePlace(turned_away_, box.turned_away);
  return turn_away;
}

Task<void> Gateway::AcceptAll(Attached* attached, UniqueFd socket, Serve serve, Serve turn_away) {
  {
    // The toolbox has it, too.
    net::Listener listener(std::move(socket), net::Sharers::kStrangers);
    for (;;) {
      auto connection = co_await listener.Accept();
      if (!connection) break;
      std::shared_ptr<void> place;
      const Serve how = Admit(attached, serve, turn_away, &place);
      if (how == nullptr) {
        attached->box.Denied(attached->box.NewRecord("tcp"), policy::Reason::kLimit,
                             kTurnedAwayKey);
        Reset(std::move(*connection));
        co_await async::Yield();
        continue;
      }
      attached->tasks.Spawn(ServeOne(attached, std::move(*connection), std::move(place), how));
    }
  }
  Broken(attached->box.id);
}

Task<void> Gateway::ServeUdp(Attached* attached, UniqueFd socket) {
  co_await ServeDnsUdp(attached->box, std::move(socket));
  Broken(attached->box.id);
}

Task<void> Gateway::ServeOne(Attached* attached, UniqueFd connection, std::shared_ptr<void>,
                             Serve serve) {
  co_await serve(attached->box, std::move(connection));
}

// Told from the loop and not from here: the owner will detach, which destroys this very task.
void Gateway::Broken(const SandboxId& id) {
  log::Warn("gateway.socket_broken", {{"sandbox", id.value}});
  if (!deps_.on_broken) return;
  async::Loop::Current().Post([alive = alive_, id] {
    if (*alive != nullptr) (*alive)->deps_.on_broken(id);
  });
}

}  // namespace cove::gateway
