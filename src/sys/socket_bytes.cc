#include "sys/socket_bytes.h"

#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>

#include "base/text.h"
#include "sys/netlink.h"
#include "sys/small_file.h"

namespace cove::sys {
namespace {

constexpr const char* kOwnNetwork = "/proc/thread-self/ns/net";
constexpr size_t kThreadsKept = 16;

// Of a line "TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 81".
uint64_t PagesIn(std::string_view text, std::string_view protocol) {
  constexpr std::string_view kField = " mem ";
  for (const std::string_view line : Split(text, '\n')) {
    const size_t at = line.find(kField);
    if (!line.starts_with(protocol) || at == line.npos) continue;
    return ParseInt<uint64_t>(Trim(line.substr(at + kField.size()))).value_or(0);
  }
  return 0;
}

std::string NetworkFile(pid_t thread) { return "/proc/" + std::to_string(thread) + "/ns/net"; }

Result<UniqueFd> OpenNetwork(const Network& network) {
  for (const pid_t thread : network.threads) {
    struct stat info{};
    auto fd = Open(NetworkFile(thread), O_RDONLY);
    if (fd && fstat(fd->get(), &info) == 0 && info.st_ino == network.inode) return fd;
  }
  return Error(Code::kGone, "the threads have left their network namespace");
}

// A socket stays in the namespace in which it was made.
Result<UniqueFd> OpenDiag(int network_namespace) {
  ASSIGN_OR_RETURN(const UniqueFd own, Open(kOwnNetwork, O_RDONLY));
  // First whether there is a way back.
  if (setns(own.get(), CLONE_NEWNET) != 0 || setns(network_namespace, CLONE_NEWNET) != 0) {
    return Error::FromErrno("cannot enter a network namespace");
  }
  UniqueFd diag(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  const int error = errno;
  // Nothing may go on in a namespace that is not its own.
  if (setns(own.get(), CLONE_NEWNET) != 0) std::abort();
  if (!diag) return Error::FromErrno("cannot open a netlink socket", error);
  return diag;
}

uint64_t BytesOf(const inet_diag_msg* socket, size_t left) {
  uint64_t bytes = 0;
  for (auto* attr = reinterpret_cast<const rtattr*>(socket + 1); RTA_OK(attr, left);
       attr = RTA_NEXT(attr, left)) {
    uint32_t info[SK_MEMINFO_VARS] = {};
    if (attr->rta_type != INET_DIAG_SKMEMINFO) continue;
    std::memcpy(info, RTA_DATA(attr), std::min<size_t>(sizeof info, RTA_PAYLOAD(attr)));
    bytes += uint64_t{info[SK_MEMINFO_RMEM_ALLOC]} + info[SK_MEMINFO_FWD_ALLOC] +
             info[SK_MEMINFO_BACKLOG];
  }
  return bytes;
}

void Count(const inet_diag_msg* socket, size_t left, Unaccepted& out) {
  if (socket->idiag_state == TCP_LISTEN) {
    out.queued += socket->idiag_rqueue;
  } else if (socket->idiag_inode == 0) {  // nobody has a file of it
    ++out.open;
    out.bytes += BytesOf(socket, left);
  }
}

Result<void> AskDiag(int diag, uint8_t family, uint32_t states, Unaccepted& out) {
  inet_diag_req_v2 ask{};
  ask.sdiag_family = family;
  ask.sdiag_protocol = IPPROTO_TCP;
  ask.idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1);
  ask.idiag_states = states;
  NetlinkBatch batch;
  batch.Begin(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, ask, NetlinkBatch::Ack::kNone);
  if (send(diag, batch.bytes().data(), batch.bytes().size(), 0) < 0) {
    return Error::FromErrno("cannot ask for sockets");
  }
  alignas(nlmsghdr) static thread_local char buffer[32 * 1024];
  for (;;) {
    const ssize_t n = recv(diag, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::FromErrno("cannot hear of sockets");
    auto left = static_cast<size_t>(n);
    for (auto* head = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(head, left);
         head = NLMSG_NEXT(head, left)) {
      if (head->nlmsg_type == NLMSG_DONE) return Ok();
      if (head->nlmsg_type == NLMSG_ERROR) {
        return Error::FromErrno("cannot list sockets",
                                -static_cast<const nlmsgerr*>(NLMSG_DATA(head))->error);
      }
      Count(static_cast<const inet_diag_msg*>(NLMSG_DATA(head)),
            NLMSG_PAYLOAD(head, sizeof(inet_diag_msg)), out);
    }
  }
}

Result<Unaccepted> UnacceptedOf(int diag, uint8_t family) {
  Unaccepted out;
  RETURN_IF_ERROR(AskDiag(diag, family, 1U << TCP_LISTEN, out));
  if (out.queued == 0) return out;
  // Others without a file are closed ones, which count for whoever had them open.
  RETURN_IF_ERROR(AskDiag(diag, family, 1U << TCP_ESTABLISHED | 1U << TCP_CLOSE_WAIT, out));
  // Who accepts has accepted some meanwhile, and hides nothing.
  Unaccepted now;
  RETURN_IF_ERROR(AskDiag(diag, family, 1U << TCP_LISTEN, now));
  out.queued = std::min(out.queued, now.queued);
  return out;
}

}  // namespace

uint64_t SocketBytesIn(std::string_view sockstat) {
  static const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return (PagesIn(sockstat, "TCP:") + PagesIn(sockstat, "UDP:")) * page;
}

Result<uint64_t> SocketBytesOfMachine() {
  ASSIGN_OR_RETURN(const std::string text, ReadFile("/proc/net/sockstat"));
  return SocketBytesIn(text);
}

std::vector<Network> NetworksOf(std::span<const pid_t> threads) {
  std::vector<Network> out;
  struct stat info{};
  if (stat(kOwnNetwork, &info) != 0) return out;
  const ino_t own = info.st_ino;
  std::map<ino_t, size_t> places;
  for (const pid_t thread : threads) {
    if (stat(NetworkFile(thread).c_str(), &info) != 0 || info.st_ino == own) continue;
    const auto [place, is_new] = places.try_emplace(info.st_ino, out.size());
    if (is_new) out.push_back({info.st_ino, {}});
    std::vector<pid_t>& in_it = out[place->second].threads;
    if (in_it.size() < kThreadsKept) in_it.push_back(thread);
  }
  return out;
}

Unaccepted& Unaccepted::operator+=(const Unaccepted& other) {
  queued += other.queued;
  open += other.open;
  bytes += other.bytes;
  return *this;
}

Result<Unaccepted> UnacceptedIn(const Network& network) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenNetwork(network));
  ASSIGN_OR_RETURN(const UniqueFd diag, OpenDiag(fd.get()));
  ASSIGN_OR_RETURN(Unaccepted out, UnacceptedOf(diag.get(), AF_INET));
  ASSIGN_OR_RETURN(const Unaccepted v6, UnacceptedOf(diag.get(), AF_INET6));
  out += v6;
  return out;
}

}  // namespace cove::sys
