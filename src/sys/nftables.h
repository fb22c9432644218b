// nftables rules as netlink messages: only the expressions that Cove's rule sets need.
//
//   NftRuleset set("cove");
//   set.AddChain({.name = "out", .type = "nat", .hook = NftHook::kOutput, .priority = -100});
//   set.AddRule("out", NftExpr().L4Proto(IPPROTO_TCP).RedirectTo(1));
//   NetlinkBatch batch = set.Finish();    // for a NETLINK_NETFILTER socket; all or nothing
//
// Everything is of the inet family (v4 and v6 in one table).
// Sources: linux/netfilter/nf_tables.h, `nft --debug=netlink`. Thread: values.
#pragma once

#include <array>

#include "sys/netlink.h"

namespace cove::sys {

enum class NftHook : uint32_t { kPrerouting = 0, kInput = 1, kForward = 2, kOutput = 3 };

struct NftChain {
  std::string name;
  std::string type;  // "nat" or "filter"
  NftHook hook = NftHook::kOutput;
  int32_t priority = 0;
};

// The matches and the final statement of one rule, in the order called; a rule whose match fails
// ends there.
class NftExpr {
 public:
  NftExpr& L4Proto(uint8_t protocol);
  NftExpr& SourcePort(uint16_t port);       // after L4Proto
  NftExpr& DestinationPort(uint16_t port);  // after L4Proto
  NftExpr& DestinationNotPort(uint16_t port);
  NftExpr& SourceNotPort(uint16_t port);
  NftExpr& From127();  // ip saddr 127.0.0.0/8
  NftExpr& To127();    // ip daddr 127.0.0.0/8
  NftExpr& To4(std::array<uint8_t, 4> address);
  NftExpr& To6(std::array<uint8_t, 16> address);
  NftExpr& ConnectionsOver(uint32_t count);  // ct count over N

  NftExpr& Accept();
  NftExpr& Return();
  NftExpr& Drop();
  NftExpr& Notrack();
  NftExpr& Counter();  // of the packets that came this far; `nft list table` shows it
  NftExpr& RedirectTo(uint16_t port);
  // Answers "port unreachable" (icmp or icmpv6), so that clients fail at once.
  NftExpr& RejectPortUnreachable();

  const std::string& bytes() const { return bytes_; }

 private:
  enum class Compare : uint32_t { kEqual = 0, kNotEqual = 1 };
  enum class Base : uint32_t { kNetwork = 1, kTransport = 2 };
  void Add(std::string_view name, std::string_view data);
  void Meta(uint32_t key);
  void Payload(Base base, uint32_t offset, uint32_t length);
  void Cmp(Compare op, std::string_view value);
  void Port(uint32_t offset, Compare op, uint16_t port);
  void Family(uint8_t family);
  void Verdict(int32_t code);
  std::string bytes_;
};

class NftRuleset {
 public:
  explicit NftRuleset(std::string table);
  void AddChain(const NftChain& chain);
  void AddRule(std::string_view chain, const NftExpr& expr);
  NetlinkBatch Finish() &&;

 private:
  void Begin(uint16_t message, uint16_t flags);
  std::string table_;
  NetlinkBatch batch_;
};

}  // namespace cove::sys
