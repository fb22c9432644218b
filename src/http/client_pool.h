// Idle connections of the client, per origin, newest first. Thread: loop-confined.
#pragma once

#include <deque>
#include <map>

#include "async/task_group.h"
#include "http/client.h"

namespace cove::http::internal {

class ClientPool {
 public:
  explicit ClientPool(const ClientLimits& limits) : limits_(limits) {}

  // A connection that looks usable, or null.
  net::StreamPtr Take(const std::string& origin);
  void Put(const std::string& origin, net::StreamPtr stream);
  void Clear();
  size_t size() const { return size_; }

 private:
  struct Idle {
    net::StreamPtr stream;
    TimePoint expires;
  };
  using Origins = std::map<std::string, std::deque<Idle>>;
  void DropExpired();
  void DropOldest();
  // Runs while there is something to expire.
  Task<void> Sweep();

  ClientLimits limits_;
  Origins origins_;
  size_t size_ = 0;
  bool sweeping_ = false;
  async::TaskGroup tasks_;
};

}  // namespace cove::http::internal
