#include "init/orders.h"

namespace cove::init {

const char* StepText(BoxStep step) {
  switch (step) {
    case BoxStep::kNone:
      return "starting";
    case BoxStep::kSignals:
      return "resetting signals";
    case BoxStep::kNetlink:
      return "opening a netlink socket";
    case BoxStep::kRoutes:
      return "setting up lo, its addresses and routes (is IPv6 enabled?)";
    case BoxStep::kRules:
      return "loading the nftables rules (nf_tables, nf_nat, nft_redir?)";
    case BoxStep::kListenTcp4:
      return "listening on 127.0.0.1 for TCP";
    case BoxStep::kListenTcp6:
      return "listening on ::1 for TCP";
    case BoxStep::kListenDnsUdp:
      return "binding 127.0.0.1:53 for UDP";
    case BoxStep::kListenDnsTcp:
      return "listening on 127.0.0.1:53 for TCP";
    case BoxStep::kOrder:
      return "reading the runner's order";
    case BoxStep::kOuterIds:
      return "becoming root of the outer user namespace";
    case BoxStep::kCgroupNamespace:
      return "making the cgroup namespace";
    case BoxStep::kHostname:
      return "setting the host name";
    case BoxStep::kScratch:
      return "making the tmpfs for /dev and /run";
    case BoxStep::kStaging:
      return "attaching that tmpfs while the overlay is put together";
    case BoxStep::kLayers:
      return "attaching the image's layers";
    case BoxStep::kOverlay:
      return "mounting the overlay";
    case BoxStep::kRootEntry:
      return "the image has something that is no directory in place of one";
    case BoxStep::kDev:
      return "mounting /dev";
    case BoxStep::kDevices:
      return "binding the devices into /dev";
    case BoxStep::kDevPts:
      return "mounting /dev/pts";
    case BoxStep::kProc:
      return "mounting /proc (is the host's own /proc covered?)";
    case BoxStep::kSysctl:
      return "opening low ports to everybody";
    case BoxStep::kSys:
      return "mounting /sys";
    case BoxStep::kRun:
      return "mounting /run";
    case BoxStep::kState:
      return "mounting the toolbox's state directory";
    case BoxStep::kTmp:
      return "opening /tmp to everybody";
    case BoxStep::kShares:
      return "attaching a shared directory";
    case BoxStep::kPivot:
      return "changing to the new root";
    case BoxStep::kInnerClone:
      return "making the inner user namespace";
    case BoxStep::kInnerMap:
      return "mapping the inner user namespace";
    case BoxStep::kInnerOpen:
      return "opening the inner user namespace";
    case BoxStep::kDescriptors:
      return "arranging the toolbox's descriptors";
    case BoxStep::kStdio:
      return "opening the toolbox's log";
    case BoxStep::kPrivileges:
      return "dropping privileges";
    case BoxStep::kReady:
      return "reporting ready";
    case BoxStep::kExec:
      return "executing the toolbox";
  }
  return "starting";
}

}  // namespace cove::init
