// Goal: messages are laid out as the kernel wants them, and the kernel takes them.
// Method: lengths and nesting of built bytes; then a network namespace of a child process.
#include "sys/netlink.h"

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cstring>

#include "sys/nftables.h"

namespace cove::sys {
namespace {

nlmsghdr HeaderAt(const std::string& bytes, size_t offset) {
  nlmsghdr head{};
  std::memcpy(&head, bytes.data() + offset, sizeof head);
  return head;
}

TEST(NetlinkBatchTest, PadsAttributesAndPatchesLengths) {
  NetlinkBatch batch;
  rtmsg route{};
  batch.Begin(RTM_NEWROUTE, NLM_F_CREATE, route);
  batch.AttrText(1, "abc");   // 4 + 4
  batch.AttrText(2, "abcd");  // 4 + 5, padded to 12
  batch.Begin(RTM_NEWROUTE, 0, route, NetlinkBatch::Ack::kNone);
  const nlmsghdr first = HeaderAt(batch.bytes(), 0);
  EXPECT_EQ(first.nlmsg_len, 16 + sizeof(rtmsg) + 8 + 12);
  EXPECT_EQ(first.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE);
  const nlmsghdr second = HeaderAt(batch.bytes(), first.nlmsg_len);
  EXPECT_EQ(second.nlmsg_len, 16 + sizeof(rtmsg));
  EXPECT_EQ(second.nlmsg_flags, NLM_F_REQUEST);
  EXPECT_EQ(second.nlmsg_seq, 2u);
  EXPECT_EQ(batch.acks(), 1u);
}

TEST(NetlinkBatchTest, NestsAttributes) {
  NetlinkBatch batch;
  rtmsg route{};
  batch.Begin(RTM_NEWROUTE, 0, route);
  const size_t nest = batch.BeginNest(7);
  batch.AttrU32(1, 5);
  batch.EndNest(nest);
  nlattr attr{};
  std::memcpy(&attr, batch.bytes().data() + nest, sizeof attr);
  EXPECT_EQ(attr.nla_type, 7 | NLA_F_NESTED);
  EXPECT_EQ(attr.nla_len, 4 + 8);
}

// Runs `fn` in a child with a fresh network namespace; its result is the exit status.
template <class Fn>
int InNewNetwork(Fn fn) {
  const pid_t pid = fork();
  if (pid == 0) _exit(unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ? fn() : 99);
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int Send(int protocol, const NetlinkBatch& batch) {
  const UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  return NetlinkTransact(fd.get(), batch.bytes().data(), batch.bytes().size(), batch.acks());
}

TEST(NetlinkTest, BringsUpAnAddressOnLoopback) {
  const int result = InNewNetwork([] {
    const int error = Send(NETLINK_ROUTE, LoopbackOnlyNetwork("10.0.0.2", "fd00::2"));
    if (error != 0) return error;
    const UniqueFd probe(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(0x0a000002);
    return bind(probe.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 ? 0 : 98;
  });
  EXPECT_EQ(result, 0) << std::strerror(result);
}

TEST(NetlinkTest, ReportsTheFirstFailureOfABatch) {
  const int result = InNewNetwork([] {
    NetlinkBatch twice = LoopbackOnlyNetwork("10.0.0.2", "fd00::2");
    if (Send(NETLINK_ROUTE, twice) != 0) return 97;
    return Send(NETLINK_ROUTE, twice);
  });
  EXPECT_EQ(result, EEXIST);
}

TEST(NftRulesetTest, LoadsWhole) {
  const int result = InNewNetwork([] {
    NftRuleset set("t");
    set.AddChain({.name = "out", .type = "nat", .hook = NftHook::kOutput, .priority = -100});
    set.AddRule("out", NftExpr().To127().Return());
    set.AddRule("out", NftExpr().ConnectionsOver(10).Return());
    set.AddRule("out", NftExpr().L4Proto(IPPROTO_TCP).DestinationPort(80).RedirectTo(1));
    set.AddChain({.name = "end", .type = "filter", .hook = NftHook::kOutput, .priority = 0});
    set.AddRule("end", NftExpr().RejectPortUnreachable());
    return Send(NETLINK_NETFILTER, std::move(set).Finish());
  });
  EXPECT_EQ(result, 0) << std::strerror(result);
}

TEST(NftRulesetTest, RefusesARuleForAChainThatIsNot) {
  const int result = InNewNetwork([] {
    NftRuleset set("t");
    set.AddRule("nowhere", NftExpr().Accept());
    return Send(NETLINK_NETFILTER, std::move(set).Finish());
  });
  EXPECT_EQ(result, ENOENT);
}

}  // namespace
}  // namespace cove::sys
