// The network without a card, and the neighbour who has the same addresses.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "attempt.h"

namespace cove::escape {
namespace {

sockaddr_in At(const char* ip, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, ip, &address.sin_addr);
  return address;
}

// What the other end says to an HTTP request within two seconds; empty: nothing.
std::string Ask(const char* ip, int port, int protocol = 0) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, protocol);
  const sockaddr_in to = At(ip, port);
  std::string answer;
  if (fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) {
    const char request[] = "GET / HTTP/1.0\r\nHost: escape.example.com\r\n\r\n";
    (void)!send(fd, request, sizeof request - 1, MSG_NOSIGNAL);
    char buffer[1024];
    pollfd ready{fd, POLLIN, 0};
    while (poll(&ready, 1, 2000) > 0) {
      const ssize_t n = read(fd, buffer, sizeof buffer);
      if (n <= 0) break;
      answer.append(buffer, static_cast<size_t>(n));
    }
  }
  if (fd >= 0) close(fd);
  return answer;
}

Outcome HostServices() {
  Tries t;
  const int port = std::atoi(Given("HOST_PORT").c_str());
  for (const char* ip : {"127.0.0.1", "10.0.0.2", "10.0.0.1", "169.254.169.254", "192.168.0.1"}) {
    t.Holds(std::string(ip) + " does not answer as the host",
            Ask(ip, port).find(Given("HOST_ANSWER")) == std::string::npos);
  }
  t.Holds("the door answers instead", Ask("203.0.113.9", 80).find("403") != std::string::npos);
  return t.End();
}

Outcome Datagrams() {
  Tries t;
  for (const char* ip :
       {"8.8.8.8", "169.254.169.254", "224.0.0.251", "255.255.255.255", "10.0.0.1"}) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    const sockaddr_in to = At(ip, 123);
    long rc = sendto(fd, "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    // The refusal may come as the socket's error, after the call.
    pollfd ready{fd, POLLIN, 0};
    if (rc >= 0 && poll(&ready, 1, 200) > 0) rc = recv(fd, &ready, 1, MSG_DONTWAIT);
    if (rc >= 0) rc = send(fd, "x", 1, 0);
    t.Fails(std::string("a datagram to ") + ip, rc);
    close(fd);
  }
  return t.End();
}

// TCP under another name must meet the same rules.
Outcome OtherTransports() {
  Tries t;
  for (const int protocol : {132 /* SCTP */, 33 /* DCCP */, 136 /* UDP-Lite */, 115 /* L2TP */}) {
    for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
      const int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
      if (fd < 0) continue;
      const sockaddr_in to = At("203.0.113.9", 9);
      t.Holds("connected with another transport",
              connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 ||
                  send(fd, "x", 1, MSG_NOSIGNAL) < 0 || send(fd, "x", 1, MSG_NOSIGNAL) < 0);
      close(fd);
    }
  }
  const std::string multipath = Ask("203.0.113.9", 80, 262);
  t.Holds("multipath TCP meets the door",
          multipath.empty() || multipath.find("403") != std::string::npos);
  return t.End();
}

Outcome Ping() {
  Tries t;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
  const sockaddr_in to = At("8.8.8.8", 0);
  const char echo[8] = {8, 0, 0, 0, 0, 1, 0, 1};
  t.Fails("ping", fd < 0 ? -1
                         : sendto(fd, echo, sizeof echo, 0, reinterpret_cast<const sockaddr*>(&to),
                                  sizeof to));
  return t.End();
}

Outcome Options() {
  Tries t;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  t.Fails("SO_MARK", setsockopt(fd, SOL_SOCKET, SO_MARK, &on, sizeof on));
  t.Fails("IP_TRANSPARENT", setsockopt(fd, SOL_IP, IP_TRANSPARENT, &on, sizeof on));
  t.Fails("SO_DEBUG", setsockopt(fd, SOL_SOCKET, SO_DEBUG, &on, sizeof on));
  t.Fails("SO_RCVBUFFORCE", setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &on, sizeof on));
  return t.End();
}

Outcome StealListeners() {
  Tries t;
  for (const int port : {1, 53}) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    for (const char* ip : {"127.0.0.1", "0.0.0.0"}) {
      const sockaddr_in at = At(ip, port);
      t.FailsWith("bind", bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at), EADDRINUSE);
    }
    close(fd);
  }
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in free_port = At("127.0.0.1", 80);
  t.Works("port 80", bind(fd, reinterpret_cast<const sockaddr*>(&free_port), sizeof free_port));
  return t.End();
}

// Sends one request to the kernel and gives what its acknowledgement says: 0, or -1 and errno.
long Netlink(int protocol, const void* body, size_t size, uint16_t type, uint16_t flags) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) return -1;
  struct {
    nlmsghdr head;
    char body[256];
  } request{};
  request.head.nlmsg_len = static_cast<uint32_t>(sizeof(nlmsghdr) + size);
  request.head.nlmsg_type = type;
  request.head.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  std::memcpy(request.body, body, size);
  long rc = send(fd, &request, request.head.nlmsg_len, 0);
  alignas(nlmsghdr) char buffer[4096];
  if (rc >= 0) rc = recv(fd, buffer, sizeof buffer, 0);
  const auto* head = reinterpret_cast<const nlmsghdr*>(buffer);
  if (rc >= 0 && head->nlmsg_type == NLMSG_ERROR) {
    const int error = -static_cast<const nlmsgerr*>(NLMSG_DATA(head))->error;
    rc = error == 0 ? 0 : -1;
    errno = error;
  }
  close(fd);
  return rc;
}

Outcome ChangeNetwork() {
  Tries t;
  ifinfomsg down{};
  down.ifi_index = 1;
  down.ifi_change = 1;
  t.Fails("lo down", Netlink(NETLINK_ROUTE, &down, sizeof down, RTM_NEWLINK, 0));
  t.Fails("no lo", Netlink(NETLINK_ROUTE, &down, sizeof down, RTM_DELLINK, 0));
  struct {
    ifaddrmsg head;
    rtattr attribute;
    uint32_t address;
  } address{{AF_INET, 32, 0, 0, 1}, {8, IFA_LOCAL}, htonl(0x0a090909)};
  t.Fails("an address",
          Netlink(NETLINK_ROUTE, &address, sizeof address, RTM_NEWADDR, NLM_F_CREATE));
  rtmsg route{};
  route.rtm_family = AF_INET;
  route.rtm_table = RT_TABLE_MAIN;
  t.Fails("the routes", Netlink(NETLINK_ROUTE, &route, sizeof route, RTM_DELROUTE, 0));
  return t.End();
}

Outcome DestroySockets() {
  Tries t;
  inet_diag_req_v2 request{};
  request.sdiag_family = AF_INET;
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = ~0u;
  request.id.idiag_sport = htons(1);
  request.id.idiag_src[0] = htonl(INADDR_LOOPBACK);
  request.id.idiag_cookie[0] = request.id.idiag_cookie[1] = ~0u;
  t.Fails("SOCK_DESTROY", Netlink(NETLINK_SOCK_DIAG, &request, sizeof request, 21, 0));
  t.Holds("the door still answers", Ask("203.0.113.9", 80).find("403") != std::string::npos);
  return t.End();
}

constexpr Attempt kNetwork[] = {
    {"network.host_services", "neither the host's loopback nor its addresses answer", HostServices},
    {"network.datagrams", "refused", Datagrams},
    {"network.transports", "no socket, refused, or redirected like TCP", OtherTransports},
    {"network.ping", "refused", Ping},
    {"network.options", "EPERM for marks, transparency, forced buffers", Options},
    {"network.listeners", "EADDRINUSE for the gateway's, though port 80 is free", StealListeners},
    {"network.configure", "EPERM for links, addresses, routes", ChangeNetwork},
    {"network.destroy_sockets", "EPERM; the gateway's listeners stay", DestroySockets},
};

Outcome AbstractSockets() {
  Tries t;
  for (const std::string& name : {Given("HOST_ABSTRACT"), std::string("cove-neighbour")}) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    t.FailsWith(name, connect(fd, reinterpret_cast<sockaddr*>(&address), size), ECONNREFUSED);
  }
  return t.End();
}

Outcome SharedMemory() {
  Tries t;
  constexpr key_t kKey = 0x434f5645;  // the neighbour made one of each
  t.FailsWith("shmget", shmget(kKey, 1, 0), ENOENT);
  t.FailsWith("msgget", msgget(kKey, 0), ENOENT);
  t.FailsWith("shm_open", shm_open("/cove-neighbour", O_RDONLY, 0), ENOENT);
  t.FailsWith("mq_open", mq_open("/cove-neighbour", O_RDONLY), ENOENT);
  const int own = shmget(IPC_PRIVATE, 4096, 0600);
  t.Works("own shared memory", own);
  shmctl(own, IPC_RMID, nullptr);
  return t.End();
}

Outcome NeighbourFiles() {
  Tries t;
  t.CannotOpen("/home/daytona/" + Given("NEIGHBOUR_MARKER"), O_RDONLY);
  t.CannotOpen("/tmp/" + Given("NEIGHBOUR_MARKER"), O_RDONLY);
  t.CannotOpen("/dev/shm/" + Given("NEIGHBOUR_MARKER"), O_RDONLY);
  t.CannotOpen(Given("HOST_DATA") + "/runner/boxes/" + Given("NEIGHBOUR_ID"), O_RDONLY);
  return t.End();
}

Outcome NeighbourPorts() {
  Tries t;
  const int port = std::atoi(Given("NEIGHBOUR_PORT").c_str());
  for (const char* ip : {"127.0.0.1", "10.0.0.2", "10.0.0.3"}) {
    t.Holds(std::string(ip) + " is not the neighbour",
            Ask(ip, port).find(Given("NEIGHBOUR_MARKER")) == std::string::npos);
  }
  return t.End();
}

constexpr Attempt kNeighbour[] = {
    {"neighbour.abstract_sockets", "ECONNREFUSED, the host's too", AbstractSockets},
    {"neighbour.shared_memory", "none of its ipc objects exists here", SharedMemory},
    {"neighbour.files", "not there", NeighbourFiles},
    {"neighbour.ports", "the same addresses lead to ourselves", NeighbourPorts},
};

}  // namespace

std::span<const Attempt> NetworkAttempts() { return kNetwork; }
std::span<const Attempt> NeighbourAttempts() { return kNeighbour; }

}  // namespace cove::escape
