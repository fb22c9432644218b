#include "http/client_pool.h"

namespace cove::http::internal {

net::StreamPtr ClientPool::Take(const std::string& origin) {
  DropExpired();
  const auto it = origins_.find(origin);
  if (it == origins_.end()) return nullptr;
  net::StreamPtr found;
  while (found == nullptr && !it->second.empty()) {
    net::StreamPtr candidate = std::move(it->second.back().stream);
    it->second.pop_back();
    --size_;
    if (candidate->LooksIdle()) found = std::move(candidate);
  }
  if (it->second.empty()) origins_.erase(it);
  return found;
}

void ClientPool::Put(const std::string& origin, net::StreamPtr stream) {
  if (limits_.idle_max == 0 || limits_.idle_per_origin_max == 0) return;
  DropExpired();
  if (size_ >= limits_.idle_max) DropOldest();
  auto& idle = origins_[origin];
  if (idle.size() >= limits_.idle_per_origin_max) {
    idle.pop_front();
    --size_;
  }
  idle.push_back({std::move(stream), Now() + limits_.idle_timeout});
  ++size_;
  if (!sweeping_) tasks_.Spawn(Sweep());
  sweeping_ = true;
}

void ClientPool::Clear() {
  origins_.clear();
  size_ = 0;
}

void ClientPool::DropExpired() {
  const TimePoint now = Now();
  for (auto it = origins_.begin(); it != origins_.end();) {
    auto& idle = it->second;
    while (!idle.empty() && idle.front().expires <= now) {
      idle.pop_front();
      --size_;
    }
    it = idle.empty() ? origins_.erase(it) : std::next(it);
  }
}

void ClientPool::DropOldest() {
  auto oldest = origins_.begin();
  for (auto it = origins_.begin(); it != origins_.end(); ++it) {
    if (it->second.front().expires < oldest->second.front().expires) oldest = it;
  }
  oldest->second.pop_front();
  --size_;
  if (oldest->second.empty()) origins_.erase(oldest);
}

Task<void> ClientPool::Sweep() {
  while (size_ != 0) {
    co_await async::Sleep(limits_.idle_timeout / 2 + milliseconds(1));
    DropExpired();
  }
  sweeping_ = false;
}

}  // namespace cove::http::internal
