// From an allowed name to a connection: resolve, classify every address, dial only a checked one.
//
// The socket address that was checked is the one that is dialled; nothing is resolved twice, so a
// name that changes its answer in between (rebinding) gains nothing. Addresses that may not be
// dialled are left out; if none is left the dial is refused.
// Thread: loop-confined.
#pragma once

#include "gateway/box.h"

namespace cove::gateway {

inline constexpr size_t kAddressesMax = 16;
inline constexpr size_t kResolvingMax = 4;

// What the name resolves to, for a port. A sandbox has kResolvingMax names looked up at a time, for
// the threads are everybody's and one that waits for a silent name server is held until that ends.
Task<Result<std::vector<net::SocketAddress>>> ResolveName(Box& box, std::string host,
                                                          uint16_t port);

struct Dialled {
  std::unique_ptr<net::SocketStream> stream;  // null: failed, see reason
  std::string address;
  policy::Reason reason = policy::Reason::kAllowed;
  std::string detail;
};

// `host` is canonical and allowed on `port`. The policy says which other addresses are granted.
Task<Dialled> DialName(Box& box, std::shared_ptr<const policy::Policy> policy, std::string host,
                       uint16_t port);
// Whether rules allow the address itself, and whether it may be dialled for a name that they allow.
// Neither while the machine's own networks cannot be read.
policy::Decision JudgeAddress(const Box& box, const policy::Policy& policy,
                              const policy::Address& address, uint16_t port);
bool MayDial(const Box& box, const policy::Policy& policy, std::string_view host,
             const policy::Address& address, uint16_t port);
// The first of these that answers; address rules allow each.
Task<Dialled> DialAddresses(Box& box, std::vector<net::SocketAddress> addresses);

}  // namespace cove::gateway
