#include "sys/nftables.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

namespace cove::sys {
namespace {

constexpr uint32_t kRegister = NFT_REG_1;

std::string Be32(uint32_t value) {
  value = htonl(value);
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string Be16(uint16_t value) {
  value = htons(value);
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

void AppendNest(std::string& out, uint16_t type, std::string_view inner) {
  AppendAttr(out, type | NLA_F_NESTED, inner);
}

nfgenmsg Generic(uint16_t resource) {
  nfgenmsg head{};
  head.nfgen_family = NFPROTO_INET;
  head.version = NFNETLINK_V0;
  head.res_id = htons(resource);
  return head;
}

}  // namespace

void NftExpr::Add(std::string_view name, std::string_view data) {
  std::string inner;
  AppendAttr(inner, NFTA_EXPR_NAME, std::string(name) + '\0');
  AppendNest(inner, NFTA_EXPR_DATA, data);
  AppendNest(bytes_, NFTA_LIST_ELEM, inner);
}

void NftExpr::Meta(uint32_t key) {
  std::string data;
  AppendAttr(data, NFTA_META_DREG, Be32(kRegister));
  AppendAttr(data, NFTA_META_KEY, Be32(key));
  Add("meta", data);
}

void NftExpr::Payload(Base base, uint32_t offset, uint32_t length) {
  std::string data;
  AppendAttr(data, NFTA_PAYLOAD_DREG, Be32(kRegister));
  AppendAttr(data, NFTA_PAYLOAD_BASE, Be32(static_cast<uint32_t>(base)));
  AppendAttr(data, NFTA_PAYLOAD_OFFSET, Be32(offset));
  AppendAttr(data, NFTA_PAYLOAD_LEN, Be32(length));
  Add("payload", data);
}

void NftExpr::Cmp(Compare op, std::string_view value) {
  std::string operand;
  AppendAttr(operand, NFTA_DATA_VALUE, value);
  std::string data;
  AppendAttr(data, NFTA_CMP_SREG, Be32(kRegister));
  AppendAttr(data, NFTA_CMP_OP, Be32(static_cast<uint32_t>(op)));
  AppendNest(data, NFTA_CMP_DATA, operand);
  Add("cmp", data);
}

void NftExpr::Family(uint8_t family) {
  Meta(NFT_META_NFPROTO);
  Cmp(Compare::kEqual, {reinterpret_cast<const char*>(&family), 1});
}

NftExpr& NftExpr::L4Proto(uint8_t protocol) {
  Meta(NFT_META_L4PROTO);
  Cmp(Compare::kEqual, {reinterpret_cast<const char*>(&protocol), 1});
  return *this;
}

void NftExpr::Port(uint32_t offset, Compare op, uint16_t port) {
  Payload(Base::kTransport, offset, 2);
  Cmp(op, Be16(port));
}

NftExpr& NftExpr::SourcePort(uint16_t port) {
  Port(0, Compare::kEqual, port);
  return *this;
}

NftExpr& NftExpr::DestinationPort(uint16_t port) {
  Port(2, Compare::kEqual, port);
  return *this;
}

NftExpr& NftExpr::SourceNotPort(uint16_t port) {
  Port(0, Compare::kNotEqual, port);
  return *this;
}

NftExpr& NftExpr::DestinationNotPort(uint16_t port) {
  Port(2, Compare::kNotEqual, port);
  return *this;
}

NftExpr& NftExpr::From127() {
  Family(NFPROTO_IPV4);
  Payload(Base::kNetwork, 12, 1);
  Cmp(Compare::kEqual, "\x7f");
  return *this;
}

NftExpr& NftExpr::To127() {
  Family(NFPROTO_IPV4);
  Payload(Base::kNetwork, 16, 1);
  Cmp(Compare::kEqual, "\x7f");
  return *this;
}

NftExpr& NftExpr::To4(std::array<uint8_t, 4> address) {
  Family(NFPROTO_IPV4);
  Payload(Base::kNetwork, 16, 4);
  Cmp(Compare::kEqual, {reinterpret_cast<const char*>(address.data()), address.size()});
  return *this;
}

NftExpr& NftExpr::To6(std::array<uint8_t, 16> address) {
  Family(NFPROTO_IPV6);
  Payload(Base::kNetwork, 24, 16);
  Cmp(Compare::kEqual, {reinterpret_cast<const char*>(address.data()), address.size()});
  return *this;
}

NftExpr& NftExpr::ConnectionsOver(uint32_t count) {
  std::string data;
  AppendAttr(data, NFTA_CONNLIMIT_COUNT, Be32(count));
  AppendAttr(data, NFTA_CONNLIMIT_FLAGS, Be32(NFT_CONNLIMIT_F_INV));
  Add("connlimit", data);
  return *this;
}

void NftExpr::Verdict(int32_t code) {
  std::string verdict;
  AppendAttr(verdict, NFTA_VERDICT_CODE, Be32(static_cast<uint32_t>(code)));
  std::string value;
  AppendNest(value, NFTA_DATA_VERDICT, verdict);
  std::string data;
  AppendAttr(data, NFTA_IMMEDIATE_DREG, Be32(NFT_REG_VERDICT));
  AppendNest(data, NFTA_IMMEDIATE_DATA, value);
  Add("immediate", data);
}

NftExpr& NftExpr::Accept() {
  Verdict(NF_ACCEPT);
  return *this;
}

NftExpr& NftExpr::Drop() {
  Verdict(NF_DROP);
  return *this;
}

NftExpr& NftExpr::Return() {
  Verdict(NFT_RETURN);
  return *this;
}

NftExpr& NftExpr::Notrack() {
  Add("notrack", {});
  return *this;
}

NftExpr& NftExpr::Counter() {
  Add("counter", {});
  return *this;
}

NftExpr& NftExpr::RedirectTo(uint16_t port) {
  std::string value;
  AppendAttr(value, NFTA_DATA_VALUE, Be16(port));
  std::string load;
  AppendAttr(load, NFTA_IMMEDIATE_DREG, Be32(kRegister));
  AppendNest(load, NFTA_IMMEDIATE_DATA, value);
  Add("immediate", load);

  std::string data;
  AppendAttr(data, NFTA_REDIR_REG_PROTO_MIN, Be32(kRegister));
  Add("redir", data);
  return *this;
}

NftExpr& NftExpr::RejectPortUnreachable() {
  std::string data;
  AppendAttr(data, NFTA_REJECT_TYPE, Be32(NFT_REJECT_ICMPX_UNREACH));
  const char code = NFT_REJECT_ICMPX_PORT_UNREACH;
  AppendAttr(data, NFTA_REJECT_ICMP_CODE, {&code, 1});
  Add("reject", data);
  return *this;
}

NftRuleset::NftRuleset(std::string table) : table_(std::move(table)) {
  batch_.Begin(NFNL_MSG_BATCH_BEGIN, 0, Generic(NFNL_SUBSYS_NFTABLES), NetlinkBatch::Ack::kNone);
  Begin(NFT_MSG_NEWTABLE, NLM_F_CREATE);
  batch_.AttrText(NFTA_TABLE_NAME, table_);
}

void NftRuleset::Begin(uint16_t message, uint16_t flags) {
  batch_.Begin(static_cast<uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | message), flags, Generic(0));
}

void NftRuleset::AddChain(const NftChain& chain) {
  Begin(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  batch_.AttrText(NFTA_CHAIN_TABLE, table_);
  batch_.AttrText(NFTA_CHAIN_NAME, chain.name);
  const size_t hook = batch_.BeginNest(NFTA_CHAIN_HOOK);
  batch_.AttrBe32(NFTA_HOOK_HOOKNUM, static_cast<uint32_t>(chain.hook));
  batch_.AttrBe32(NFTA_HOOK_PRIORITY, static_cast<uint32_t>(chain.priority));
  batch_.EndNest(hook);
  batch_.AttrBe32(NFTA_CHAIN_POLICY, NF_ACCEPT);
  batch_.AttrText(NFTA_CHAIN_TYPE, chain.type);
}

void NftRuleset::AddRule(std::string_view chain, const NftExpr& expr) {
  Begin(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
  batch_.AttrText(NFTA_RULE_TABLE, table_);
  batch_.AttrText(NFTA_RULE_CHAIN, chain);
  batch_.Attr(NFTA_RULE_EXPRESSIONS | NLA_F_NESTED, expr.bytes());
}

NetlinkBatch NftRuleset::Finish() && {
  batch_.Begin(NFNL_MSG_BATCH_END, 0, Generic(NFNL_SUBSYS_NFTABLES), NetlinkBatch::Ack::kNone);
  return std::move(batch_);
}

}  // namespace cove::sys
