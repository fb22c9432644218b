// Socket families, options and terminals that lead past the redirect or into somebody's shell.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "attempt.h"

namespace cove::escape {
namespace {

void NoSocket(Tries& t, const char* what, long family, long type, long protocol) {
  const long fd = syscall(SYS_socket, family, type, protocol);
  t.Fails(what, fd);
  if (fd >= 0) close(static_cast<int>(fd));
}

Outcome Vsock() {
  Tries t;
  NoSocket(t, "AF_VSOCK", AF_VSOCK, SOCK_STREAM, 0);
  NoSocket(t, "AF_VSOCK datagram", AF_VSOCK, SOCK_DGRAM, 0);
  t.CannotOpen("/dev/vsock", O_RDWR);
  return t.End();
}

Outcome Packet() {
  Tries t;
  NoSocket(t, "AF_PACKET raw", AF_PACKET, SOCK_RAW, htons(3));
  NoSocket(t, "AF_PACKET datagram", AF_PACKET, SOCK_DGRAM, htons(3));
  if (EnterNested(CLONE_NEWNET)) NoSocket(t, "AF_PACKET, nested", AF_PACKET, SOCK_RAW, htons(3));
  return t.End();
}

Outcome Raw() {
  Tries t;
  NoSocket(t, "raw ICMP", AF_INET, SOCK_RAW, IPPROTO_ICMP);
  NoSocket(t, "raw IP", AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
  NoSocket(t, "raw IPv6", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
  if (EnterNested(CLONE_NEWNET)) NoSocket(t, "raw IP, nested", AF_INET, SOCK_RAW, IPPROTO_RAW);
  return t.End();
}

Outcome Families() {
  Tries t;
  for (const int family : {AF_ALG, AF_BLUETOOTH, AF_CAN, AF_TIPC, AF_RDS, AF_NFC, AF_XDP, AF_SMC,
                           AF_QIPCRTR, AF_KCM, AF_PPPOX, AF_LLC, AF_KEY, AF_AX25, AF_X25}) {
    for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET}) {
      NoSocket(t, "a strange family", family, type, 0);
    }
  }
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  t.Works("AF_INET", fd);
  return t.End();
}

// The kernel looks at 32 bits of a family, so must the filter.
Outcome WideFamilies() {
  Tries t;
  constexpr long kHigh = 1L << 32;
  NoSocket(t, "AF_PACKET + 2^32", kHigh + AF_PACKET, SOCK_RAW, 0);
  NoSocket(t, "AF_VSOCK + 2^32", kHigh + AF_VSOCK, SOCK_STREAM, 0);
  NoSocket(t, "raw + 2^32", AF_INET, kHigh + SOCK_RAW, IPPROTO_ICMP);
  NoSocket(t, "AF_INET + 2^32, raw", kHigh + AF_INET, SOCK_RAW, IPPROTO_ICMP);
  return t.End();
}

Outcome Netfilter() {
  Tries t;
  NoSocket(t, "NETLINK_NETFILTER", AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
  NoSocket(t, "NETLINK_NETFILTER + 2^32", AF_NETLINK, SOCK_RAW, (1L << 32) + NETLINK_NETFILTER);
  if (EnterNested(CLONE_NEWNET)) {
    NoSocket(t, "NETLINK_NETFILTER, nested", AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
  }
  return t.End();
}

Outcome Xtables() {
  Tries t;
  (void)EnterNested(CLONE_NEWNET);
  const int four = socket(AF_INET, SOCK_DGRAM, 0);
  const int six = socket(AF_INET6, SOCK_DGRAM, 0);
  t.Works("an inet socket", four);
  char data[128] = {};
  socklen_t size = sizeof data;
  for (const int option : {64, 65, 96, 128}) {
    t.FailsWith("xtables set", setsockopt(four, SOL_IP, option, data, sizeof data), EPERM);
    t.FailsWith("xtables get", getsockopt(four, SOL_IP, option, data, &size), EPERM);
  }
  t.FailsWith("ip6tables set", setsockopt(six, SOL_IPV6, 64, data, sizeof data), EPERM);
  return t.End();
}

Outcome Audit() {
  Tries t;
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
  if (fd < 0) {
    t.Fails("NETLINK_AUDIT", fd);
    return t.End();
  }
  nlmsghdr get{sizeof(nlmsghdr), 1000, NLM_F_REQUEST | NLM_F_ACK, 1, 0};
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  long rc = sendto(fd, &get, sizeof get, 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel);
  struct {
    nlmsghdr head;
    nlmsgerr error;
    char rest[512];
  } answer{};
  if (rc >= 0) rc = recv(fd, &answer, sizeof answer, MSG_DONTWAIT);
  if (rc >= 0 && answer.head.nlmsg_type == NLMSG_ERROR && answer.error.error != 0) {
    errno = -answer.error.error;
    rc = -1;
  }
  t.Fails("AUDIT_GET", rc);
  return t.End();
}

// A terminal of our own, as a twin: its window size may be set, input not be pushed.
Outcome Terminals() {
  Tries t;
  const int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  t.Works("/dev/ptmx", master);
  const int unlocked = 0;
  t.Works("unlockpt", ioctl(master, TIOCSPTLCK, &unlocked));
  const int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  t.Works("the terminal", slave);
  setsid();
  (void)ioctl(slave, TIOCSCTTY, 0);
  winsize size{24, 80, 0, 0};
  t.Works("TIOCSWINSZ", ioctl(slave, TIOCSWINSZ, &size));
  char c = 'x';
  t.FailsWith("TIOCSTI", ioctl(slave, TIOCSTI, &c), EPERM);
  t.FailsWith("TIOCSTI + 2^32", syscall(SYS_ioctl, slave, (1L << 32) + TIOCSTI, &c), EPERM);
  char menu[2] = {3, 0};
  t.FailsWith("TIOCLINUX", ioctl(slave, TIOCLINUX, menu), EPERM);
  int discipline = 15;
  t.FailsWith("TIOCSETD", ioctl(slave, TIOCSETD, &discipline), EPERM);
  return t.End();
}

// No terminal of the host's, nor any that the command did not make itself.
Outcome ForeignTerminals() {
  Tries t;
  for (const char* name : {"/dev/console", "/dev/tty0", "/dev/tty1", "/dev/ttyS0", "/dev/hvc0"}) {
    t.CannotOpen(name, O_RDWR);
  }
  t.FailsWith("/dev/tty", open("/dev/tty", O_RDWR | O_CLOEXEC), ENXIO);
  return t.End();
}

constexpr Attempt kAttempts[] = {
    {"socket.vsock", "no such family", Vsock},
    {"socket.packet", "no such family, nested namespaces included", Packet},
    {"socket.raw", "EPERM, nested namespaces included", Raw},
    {"socket.families", "no family but unix, inet, inet6, netlink", Families},
    {"socket.high_bits", "as without the bits that the kernel ignores", WideFamilies},
    {"socket.netfilter", "EPERM, nested namespaces included", Netfilter},
    {"socket.xtables", "EPERM, nested namespaces included", Xtables},
    {"socket.audit", "no socket, or the kernel refuses the message", Audit},
    {"terminal.inject", "EPERM, though an own terminal works", Terminals},
    {"terminal.foreign", "none there", ForeignTerminals},
};

}  // namespace

std::span<const Attempt> SocketAttempts() { return kAttempts; }

}  // namespace cove::escape
