#include "gateway/held_connections.h"

#include <vector>

#include "gateway/usage.h"

namespace cove::gateway {

bool HeldConnections::Take(const std::shared_ptr<UsageEntry>& rule, std::optional<uint32_t> most,
                           const Route& route) {
  const Key key(rule, route);
  if (const auto it = places_.find(key); it != places_.end() && it->second.idle > 0) {
    --it->second.idle;
    ++it->second.busy;
    return true;
  }
  const auto full = [&] { return most && rule->connections >= *most; };
  if (full() && drop_idle_) drop_idle_();
  if (full()) return false;
  ++rule->connections;
  ++places_[key].busy;
  return true;
}

void HeldConnections::GiveBack(const std::shared_ptr<UsageEntry>& rule, const Route& route) {
  const Key key(rule, route);
  Places& places = places_[key];
  --places.busy;
  ++places.idle;
  Trim(key);
}

void HeldConnections::Closed(const Route& route) {
  if (--open_[route] == 0) open_.erase(route);
  std::vector<Key> keys;
  for (const auto& [key, places] : places_) {
    if (key.second == route) keys.push_back(key);
  }
  for (const Key& key : keys) Trim(key);
}

void HeldConnections::Trim(const Key& key) {
  const auto it = places_.find(key);
  Places& places = it->second;
  const auto open = open_.find(key.second);
  const size_t connections = open == open_.end() ? 0 : open->second;
  const size_t keep = connections > places.busy ? connections - places.busy : 0;
  while (places.idle > keep) {
    --places.idle;
    --key.first->connections;
  }
  if (places.busy == 0 && places.idle == 0) places_.erase(it);
}

}  // namespace cove::gateway
