#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "init/child.h"
#include "proto/boot.h"
#include "sys/netlink.h"

namespace cove::init {
namespace {

namespace boot = proto::boot;

constexpr int kBacklog = 1024;

void Transact(Child& child, int protocol, const char* data, size_t size, uint32_t acks,
              BoxStep step) {
  const int fd =
      child.Need(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), BoxStep::kNetlink);
  const int error = sys::NetlinkTransact(fd, data, size, acks);
  if (error != 0) child.Fail(step, error);
  close(fd);
}

int Bind4(Child& child, int type, uint16_t port, BoxStep step) {
  const int fd = child.Need(socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), step);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  child.Need(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), step);
  if (type == SOCK_STREAM) child.Need(listen(fd, kBacklog), step);
  return fd;
}

int ListenTcp6(Child& child) {
  constexpr BoxStep kStep = BoxStep::kListenTcp6;
  const int fd = child.Need(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), kStep);
  const int on = 1;
  child.Need(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on), kStep);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(boot::kTcpPort);
  address.sin6_addr = in6addr_loopback;
  child.Need(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), kStep);
  child.Need(listen(fd, kBacklog), kStep);
  return fd;
}

}  // namespace

ChildSockets BuildNetwork(Child& child) {
  static struct {
    NetworkOrder order;
    alignas(nlmsghdr) char messages[kNetworkBytesMax];
  } packet;
  const size_t size = child.Receive(&packet, sizeof packet, nullptr, 0).size;
  const NetworkOrder& order = packet.order;
  if (size < sizeof order || size - sizeof order != size_t{order.routes_size} + order.rules_size) {
    child.Fail(BoxStep::kOrder, EPROTO);
  }
  Transact(child, NETLINK_ROUTE, packet.messages, order.routes_size, order.routes_acks,
           BoxStep::kRoutes);
  Transact(child, NETLINK_NETFILTER, packet.messages + order.routes_size, order.rules_size,
           order.rules_acks, BoxStep::kRules);
  ChildSockets sockets{};
  sockets.tcp4 = Bind4(child, SOCK_STREAM, boot::kTcpPort, BoxStep::kListenTcp4);
  sockets.tcp6 = ListenTcp6(child);
  sockets.dns_udp = Bind4(child, SOCK_DGRAM, boot::kDnsPort, BoxStep::kListenDnsUdp);
  sockets.dns_tcp = Bind4(child, SOCK_STREAM, boot::kDnsPort, BoxStep::kListenDnsTcp);
  return sockets;
}

}  // namespace cove::init
