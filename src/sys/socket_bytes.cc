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

#include <cstdlib>
#include <cstring>
#include <set>

#include "base/text.h"
#include "sys/netlink.h"
#include "sys/small_file.h"

namespace cove::sys {
namespace {

constexpr const char* kOwnNetwork = "/proc/thread-self/ns/net";

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

// A socket stays in the namespace in which it was made.
Result<UniqueFd> OpenDiag(int network_namespace) {
  ASSIGN_OR_RETURN(const UniqueFd own, Open(kOwnNetwork, O_RDONLY));
  if (setns(network_namespace, CLONE_NEWNET) != 0) {
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
  // One that nobody has accepted has no file, and so no inode.
  if (socket->idiag_inode != 0) return 0;
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

Result<uint64_t> AskDiag(int diag, uint8_t family) {
  inet_diag_req_v2 ask{};
  ask.sdiag_family = family;
  ask.sdiag_protocol = IPPROTO_TCP;
  ask.idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1);
  // Others without a file are closed ones, which count for whoever had them open.
  ask.idiag_states = 1U << TCP_ESTABLISHED | 1U << TCP_CLOSE_WAIT;
  NetlinkBatch batch;
  batch.Begin(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, ask, NetlinkBatch::Ack::kNone);
  if (send(diag, batch.bytes().data(), batch.bytes().size(), 0) < 0) {
    return Error::FromErrno("cannot ask for sockets");
  }
  uint64_t bytes = 0;
  alignas(nlmsghdr) static thread_local char buffer[32 * 1024];
  for (;;) {
    const ssize_t n = recv(diag, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::FromErrno("cannot hear of sockets");
    auto left = static_cast<size_t>(n);
    for (auto* head = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(head, left);
         head = NLMSG_NEXT(head, left)) {
      if (head->nlmsg_type == NLMSG_DONE) return bytes;
      if (head->nlmsg_type == NLMSG_ERROR) {
        return Error::FromErrno("cannot list sockets",
                                -static_cast<const nlmsgerr*>(NLMSG_DATA(head))->error);
      }
      bytes += BytesOf(static_cast<const inet_diag_msg*>(NLMSG_DATA(head)),
                       NLMSG_PAYLOAD(head, sizeof(inet_diag_msg)));
    }
  }
}

}  // namespace

Result<uint64_t> SocketBytesOfMachine() {
  ASSIGN_OR_RETURN(const std::string text, ReadFile("/proc/net/sockstat"));
  static const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return (PagesIn(text, "TCP:") + PagesIn(text, "UDP:")) * page;
}

std::vector<Network> NetworksOf(std::span<const pid_t> pids) {
  std::vector<Network> out;
  struct stat info{};
  if (stat(kOwnNetwork, &info) != 0) return out;
  std::set<ino_t> seen = {info.st_ino};
  for (const pid_t pid : pids) {
    const std::string path = "/proc/" + std::to_string(pid) + "/ns/net";
    if (stat(path.c_str(), &info) != 0 || seen.contains(info.st_ino)) continue;
    auto fd = Open(path, O_RDONLY);
    if (!fd || fstat(fd->get(), &info) != 0 || !seen.insert(info.st_ino).second) continue;
    out.push_back({*std::move(fd), pid});
  }
  return out;
}

Result<uint64_t> UnacceptedBytes(int network_namespace) {
  ASSIGN_OR_RETURN(const UniqueFd diag, OpenDiag(network_namespace));
  ASSIGN_OR_RETURN(const uint64_t v4, AskDiag(diag.get(), AF_INET));
  ASSIGN_OR_RETURN(const uint64_t v6, AskDiag(diag.get(), AF_INET6));
  return v4 + v6;
}

}  // namespace cove::sys
