// How much of what the process has is in use by all sandboxes together. Thread: loop-confined.
#pragma once

#include <cstddef>
#include <memory>

namespace cove::gateway {

struct Load {
  size_t connections = 0;  // of sandboxes, and HTTP/2 streams
  size_t upstreams = 0;    // sockets of HTTP clients, idle ones too
};

// Takes a place in two counts, for as long as what it gives lives.
inline std::shared_ptr<void> TakePlace(size_t& one, size_t& other) {
  struct Place {
    size_t& one;
    size_t& other;
    ~Place() { --one, --other; }
  };
  ++one, ++other;
  return std::make_shared<Place>(one, other);
}

}  // namespace cove::gateway
