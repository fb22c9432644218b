#include "sandbox/rules.h"

#include <netinet/in.h>

#include "proto/boot.h"
#include "sys/nftables.h"

namespace cove::sandbox {
namespace {

namespace boot = proto::boot;
using sys::NftExpr;
using sys::NftHook;

// boot::kAddress4 and kAddress6 (rules_test.cc compares).
constexpr std::array<uint8_t, 4> kOwn4 = {10, 0, 0, 2};
constexpr std::array<uint8_t, 16> kOwn6 = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
constexpr std::array<uint8_t, 16> kLoopback6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

constexpr int32_t kRaw = -300;
constexpr int32_t kNat = -100;
constexpr int32_t kFilter = 0;

// Connections of the box with itself need no tracking, which costs kernel memory that no cgroup
// counts. The gateway's ports are left out: its answers have to be translated back.
void ExemptLoopback(sys::NftRuleset& set) {
  set.AddChain({.name = "raw", .type = "filter", .hook = NftHook::kOutput, .priority = kRaw});
  set.AddRule("raw", NftExpr()
                         .From127()
                         .To127()
                         .L4Proto(IPPROTO_TCP)
                         .SourceNotPort(boot::kTcpPort)
                         .DestinationNotPort(boot::kTcpPort)
                         .SourceNotPort(boot::kDnsPort)
                         .DestinationNotPort(boot::kDnsPort)
                         .Notrack());
}

void Redirect(sys::NftRuleset& set) {
  set.AddChain({.name = "nat", .type = "nat", .hook = NftHook::kOutput, .priority = kNat});
  // Only the first packet of a connection comes by here.
  set.AddRule("nat", NftExpr().ConnectionsOver(kBoxTrackedMax).Drop());
  set.AddRule("nat", NftExpr().To127().Return());
  set.AddRule("nat", NftExpr().To6(kLoopback6).Return());
  // Refused below, or by nobody listening.
  set.AddRule("nat", NftExpr().ConnectionsOver(kBoxConnectionsMax).Return());
  // Before the box's own addresses: resolv.conf names one of them.
  for (const uint8_t protocol : {IPPROTO_UDP, IPPROTO_TCP}) {
    set.AddRule("nat", NftExpr().L4Proto(protocol).DestinationPort(53).RedirectTo(boot::kDnsPort));
  }
  set.AddRule("nat", NftExpr().To4(kOwn4).Return());
  set.AddRule("nat", NftExpr().To6(kOwn6).Return());
  set.AddRule("nat", NftExpr().L4Proto(IPPROTO_TCP).RedirectTo(boot::kTcpPort));
}

// After the translation everything that may go has an address of the box.
void RefuseTheRest(sys::NftRuleset& set) {
  set.AddChain({.name = "filter", .type = "filter", .hook = NftHook::kOutput, .priority = kFilter});
  set.AddRule("filter", NftExpr().To127().Accept());
  set.AddRule("filter", NftExpr().To4(kOwn4).Accept());
  set.AddRule("filter", NftExpr().To6(kLoopback6).Accept());
  set.AddRule("filter", NftExpr().To6(kOwn6).Accept());
  // What has no name has no record in the audit; it is counted.
  set.AddRule("filter", NftExpr().Counter().RejectPortUnreachable());
}

}  // namespace

sys::NetlinkBatch BoxRules() {
  sys::NftRuleset set("cove");
  ExemptLoopback(set);
  Redirect(set);
  RefuseTheRest(set);
  return std::move(set).Finish();
}

}  // namespace cove::sandbox
