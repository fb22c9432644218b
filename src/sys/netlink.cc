#include "sys/netlink.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace cove::sys {
namespace {

template <class T>
std::string_view Raw(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

void Pad(std::string& out) { out.resize((out.size() + 3) & ~size_t{3}); }

}  // namespace

void AppendAttr(std::string& out, uint16_t type, std::string_view bytes) {
  nlattr header{};
  header.nla_len = static_cast<uint16_t>(sizeof header + bytes.size());
  header.nla_type = type;
  out += Raw(header);
  out += bytes;
  Pad(out);
}

void NetlinkBatch::Begin(uint16_t type, uint16_t flags, std::span<const std::byte> header,
                         Ack ack) {
  message_ = bytes_.size();
  nlmsghdr head{};
  head.nlmsg_type = type;
  head.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  if (ack == Ack::kWanted) {
    head.nlmsg_flags |= NLM_F_ACK;
    ++acks_;
  }
  head.nlmsg_seq = ++sequence_;
  bytes_ += Raw(head);
  bytes_.append(reinterpret_cast<const char*>(header.data()), header.size());
  Pad(bytes_);
  PatchLength();
}

void NetlinkBatch::PatchLength() {
  const auto length = static_cast<uint32_t>(bytes_.size() - message_);
  std::memcpy(bytes_.data() + message_ + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
}

void NetlinkBatch::Attr(uint16_t type, std::string_view bytes) {
  AppendAttr(bytes_, type, bytes);
  PatchLength();
}

void NetlinkBatch::AttrU32(uint16_t type, uint32_t value) { Attr(type, Raw(value)); }

void NetlinkBatch::AttrBe32(uint16_t type, uint32_t value) { AttrU32(type, htonl(value)); }

void NetlinkBatch::AttrText(uint16_t type, std::string_view text) {
  Attr(type, std::string(text) + '\0');
}

size_t NetlinkBatch::BeginNest(uint16_t type) {
  const size_t start = bytes_.size();
  Attr(type | NLA_F_NESTED, {});
  return start;
}

void NetlinkBatch::EndNest(size_t start) {
  const auto length = static_cast<uint16_t>(bytes_.size() - start);
  std::memcpy(bytes_.data() + start + offsetof(nlattr, nla_len), &length, sizeof length);
}

int NetlinkTransact(int socket, const char* bytes, size_t size, uint32_t acks) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  ssize_t sent;
  do {
    sent = sendto(socket, bytes, size, 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return errno;

  alignas(nlmsghdr) char buffer[8192];
  while (acks > 0) {
    const ssize_t n = recv(socket, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    auto left = static_cast<size_t>(n);
    for (auto* head = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(head, left);
         head = NLMSG_NEXT(head, left)) {
      if (head->nlmsg_type != NLMSG_ERROR) continue;
      const auto* error = static_cast<const nlmsgerr*>(NLMSG_DATA(head));
      if (error->error != 0) return -error->error;
      if (acks > 0) --acks;
    }
  }
  return 0;
}

namespace {

constexpr int kLoopback = 1;  // the index of lo in every new network namespace

void AddAddressAndRoute(NetlinkBatch& batch, int family, std::string_view address) {
  const size_t size = family == AF_INET ? 4 : 16;
  char raw[16] = {};
  inet_pton(family, std::string(address).c_str(), raw);
  const std::string_view bytes(raw, size);

  ifaddrmsg add{};
  add.ifa_family = static_cast<uint8_t>(family);
  add.ifa_prefixlen = static_cast<uint8_t>(size * 8);
  add.ifa_index = kLoopback;
  if (family == AF_INET6) add.ifa_flags = IFA_F_NODAD;
  batch.Begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, add);
  batch.Attr(IFA_LOCAL, bytes);
  batch.Attr(IFA_ADDRESS, bytes);

  rtmsg route{};
  route.rtm_family = static_cast<uint8_t>(family);
  route.rtm_table = RT_TABLE_MAIN;
  route.rtm_protocol = RTPROT_BOOT;
  route.rtm_scope = family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  route.rtm_type = RTN_UNICAST;
  batch.Begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
  batch.AttrU32(RTA_OIF, kLoopback);
  batch.Attr(RTA_PREFSRC, bytes);
}

}  // namespace

NetlinkBatch LoopbackOnlyNetwork(std::string_view address4, std::string_view address6) {
  NetlinkBatch batch;
  ifinfomsg up{};
  up.ifi_family = AF_UNSPEC;
  up.ifi_index = kLoopback;
  up.ifi_flags = IFF_UP;
  up.ifi_change = IFF_UP;
  batch.Begin(RTM_NEWLINK, 0, up);
  AddAddressAndRoute(batch, AF_INET, address4);
  AddAddressAndRoute(batch, AF_INET6, address6);
  return batch;
}

}  // namespace cove::sys
