// What the kernel holds for sockets, beside what it counts for control groups.
//
// What has come for a TCP connection belongs to no control group until somebody accepts it
// (net/ipv4/inet_connection_sock.c, inet_csk_accept()), and stays when the other end has gone: who
// listens and never accepts holds memory that no limit knows of.
// Sources: sock_diag(7), linux/inet_diag.h, network_namespaces(7), proc(5). Thread-safe.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cove::sys {

// Of TCP and UDP, of the whole machine. Each processor may have up to 1 MiB more or less at hand.
Result<uint64_t> SocketBytesOfMachine();
// The same in a text of /proc/net/sockstat; for tests.
uint64_t SocketBytesIn(std::string_view sockstat);

// A network namespace, and some of the threads that were seen in it.
struct Network {
  ino_t inode = 0;
  std::vector<pid_t> threads;
};
// Those in which these threads are, each once; not the caller's own. A thread that has ended
// meanwhile is passed over; another may have its number by then, so the caller asks again whose
// these are.
std::vector<Network> NetworksOf(std::span<const pid_t> threads);

// TCP connections that wait to be accepted.
struct Unaccepted {
  uint64_t queued = 0;  // all of them, as far as they still wait after the others were counted
  uint64_t open = 0;    // those that the kernel tells of: not what the other end has reset
  uint64_t bytes = 0;   // of these
  Unaccepted& operator+=(const Unaccepted& other);
};
// Walks the machine's listeners, and where something waits all its connections. The calling thread
// is in that namespace for a moment. kGone: none of the threads is in it any more.
Result<Unaccepted> UnacceptedIn(const Network& network);

}  // namespace cove::sys
