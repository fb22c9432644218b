#include "gateway/dns_service.h"

#include <array>

#include "async/task_group.h"
#include "gateway/by_network.h"
#include "policy/host_name.h"

namespace cove::gateway {
namespace {

namespace dns = codec::dns;
using policy::Reason;

enum class DnsTransport { kUdp, kTcp };
constexpr uint32_t kStandInTtl = 60;
constexpr size_t kTcpQueriesMax = 256;
constexpr Duration kTcpIdle = seconds(10);
constexpr int kErrorsInARowMax = 64;
constexpr int kDatagramsPerTurn = 64;

// Questions of a sandbox that wait for a name server; more are not answered.
constexpr size_t kLookUpsAtOnce = 32;

audit::Record Row(const Box& box, const dns::Query& query, const policy::Decision& decision) {
  audit::Record record = box.NewRecord("dns");
  record.host = query.printable ? query.name : "(unprintable)";
  record.rule = decision.rule;
  record.layer = policy::LayerName(decision.layer);
  record.reason = policy::ReasonName(decision.reason);
  record.detail = "type " + std::to_string(query.type);
  return record;
}

void Deny(Box& box, const dns::Query& query, const policy::Decision& decision,
          const std::string& detail = {}) {
  audit::Record record = Row(box, query, decision);
  if (!detail.empty()) record.detail += ", " + detail;
  const std::string key = "dns " + record.host;
  box.Denied(std::move(record), decision.reason, key);
}

dns::Answer NxDomain() {
  dns::Answer out;
  out.rcode = dns::Rcode::kNxDomain;
  return out;
}

dns::Answer Loopback() {
  dns::Answer out;
  out.v4 = {{127, 0, 0, 1}};
  out.v6.resize(1);
  out.v6[0][15] = 1;
  return out;
}

// Only A has one: the rest of an allowed name is NODATA.
dns::Answer StandIn(Box& box, const dns::Query& query, std::string_view host) {
  dns::Answer out;
  out.ttl_seconds = kStandInTtl;
  if (query.type != dns::kTypeA) return out;
  const auto bytes = box.stand_ins.AddressOf(host).bytes;
  out.v4 = {{bytes[0], bytes[1], bytes[2], bytes[3]}};
  return out;
}

// Nothing: what the name leads to decides, and `host` is to be looked up.
std::optional<dns::Answer> Judge(Box& box, const dns::Query& query, std::string* host_out) {
  dns::Answer out;
  out.ttl_seconds = kStandInTtl;
  if (query.klass != dns::kClassIn) {
    Deny(box, query, {false, Reason::kMalformed, {}, policy::Layer::kNone}, "not of class IN");
    out.rcode = dns::Rcode::kRefused;
    return out;
  }
  const auto host = policy::CanonicalHost(query.printable ? query.name : "");
  if (!host) {
    Deny(box, query, {false, Reason::kBadName, {}, policy::Layer::kNone});
    return NxDomain();
  }
  if (*host == "localhost") return Loopback();  // RFC 6761
  if (*host != kModelHost && *host != kProxyHost) {
    const auto policy = box.Policy();
    policy::Decision decision{false, Reason::kPolicyUnavailable, {}, policy::Layer::kNone};
    if (policy != nullptr) decision = policy->EvaluateName(*host);
    if (!decision.allow && policy != nullptr && policy->MayLeadToNetwork(*host, std::nullopt)) {
      if (query.type != dns::kTypeA) return out;
      *host_out = *host;
      return std::nullopt;
    }
    if (!decision.allow) {
      Deny(box, query, decision);
      return NxDomain();
    }
  }
  return StandIn(box, query, *host);
}

size_t BytesMax(const dns::Query& query, DnsTransport transport) {
  return transport == DnsTransport::kTcp ? size_t{65535} : query.udp_bytes_max;
}

// A question about `host`, which only its addresses can decide.
struct LookUp {
  dns::Query query;
  std::string host;
};

// The whole answer to one message (empty: none is to be sent), or else `look_up`.
std::vector<uint8_t> AnswerNow(Box& box, std::span<const uint8_t> message, DnsTransport transport,
                               std::optional<LookUp>* look_up) {
  if (!box.dns_rate.Take(Now())) {
    box.Denied(box.NewRecord("dns"), Reason::kLimit, "dns rate");
    return {};
  }
  const dns::Parsed parsed = dns::ParseQuery(message);
  switch (parsed.fault) {
    case dns::Fault::kDrop:
      return {};
    case dns::Fault::kFormErr:
      return dns::WriteFault(parsed.query.id, dns::Rcode::kFormErr);
    case dns::Fault::kNotImp:
      return dns::WriteFault(parsed.query.id, dns::Rcode::kNotImp);
    case dns::Fault::kNone:
      break;
  }
  std::string host;
  const auto answer = Judge(box, parsed.query, &host);
  if (answer) return dns::WriteAnswer(parsed.query, *answer, BytesMax(parsed.query, transport));
  look_up->emplace(LookUp{parsed.query, std::move(host)});
  return {};
}

Task<std::vector<uint8_t>> AnswerLookUp(Box& box, LookUp asked, DnsTransport transport) {
  const size_t bytes_max = BytesMax(asked.query, transport);
  const auto policy = box.Policy();
  if (policy == nullptr) co_return dns::WriteAnswer(asked.query, NxDomain(), bytes_max);
  ByNetwork found = co_await JudgeByNetwork(box, policy, asked.host, std::nullopt);
  if (!found.decision.allow) {
    Deny(box, asked.query, found.decision, found.detail);
    co_return dns::WriteAnswer(asked.query, NxDomain(), bytes_max);
  }
  // Somebody was asked, so it is on record although nothing was refused.
  audit::Record record = Row(box, asked.query, found.decision);
  record.detail += ", " + found.detail;
  record.allow = true;
  box.deps.audit->AppendLater(std::move(record));
  co_return dns::WriteAnswer(asked.query, StandIn(box, asked.query, asked.host), bytes_max);
}

struct Asker {
  sockaddr_storage address;
  socklen_t size = sizeof(sockaddr_storage);
};

void SendTo(int fd, const Asker& to, const std::vector<uint8_t>& answer) {
  if (answer.empty()) return;
  // An asker whose buffer is full asks again.
  (void)!sendto(fd, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                reinterpret_cast<const sockaddr*>(&to.address), to.size);
}

Task<void> AnswerLater(Box& box, int fd, LookUp asked, Asker from) {
  SendTo(fd, from, co_await AnswerLookUp(box, std::move(asked), DnsTransport::kUdp));
}

Task<Result<void>> ServeTcpQuery(Box& box, net::SocketStream& stream) {
  std::array<char, 2> header;
  CO_RETURN_IF_ERROR(co_await net::ReadExactly(stream, header));
  const size_t size =
      static_cast<size_t>(static_cast<uint8_t>(header[0])) << 8 | static_cast<uint8_t>(header[1]);
  if (size > dns::kQueryBytesMax) co_return Error(Code::kTooLarge, "DNS query over TCP");
  std::vector<char> message(size);
  CO_RETURN_IF_ERROR(co_await net::ReadExactly(stream, message));
  const std::span bytes(reinterpret_cast<const uint8_t*>(message.data()), message.size());
  std::optional<LookUp> look_up;
  std::vector<uint8_t> answer = AnswerNow(box, bytes, DnsTransport::kTcp, &look_up);
  if (look_up) answer = co_await AnswerLookUp(box, *std::move(look_up), DnsTransport::kTcp);
  if (answer.empty()) co_return Error(Code::kInvalid, "not a DNS query");
  std::string framed;
  framed += static_cast<char>(answer.size() >> 8);
  framed += static_cast<char>(answer.size());
  framed.append(answer.begin(), answer.end());
  co_return co_await stream.Write(framed);
}

}  // namespace

Task<void> ServeDnsUdp(Box& box, UniqueFd socket) {
  async::FdWatch watch(socket.get());
  // One byte more than is accepted, so that a cut datagram is seen to be too long.
  std::vector<uint8_t> buffer(dns::kQueryBytesMax + 1);
  int errors = 0;
  int in_a_row = 0;
  async::TaskGroup look_ups;
  while (errors < kErrorsInARowMax) {
    Asker from;
    const ssize_t n = recvfrom(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                               reinterpret_cast<sockaddr*>(&from.address), &from.size);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      in_a_row = 0;
      co_await watch.Readable();
      continue;
    }
    if (n < 0) {
      ++errors;
      continue;
    }
    errors = 0;
    std::optional<LookUp> look_up;
    SendTo(socket.get(), from,
           AnswerNow(box, std::span(buffer).first(static_cast<size_t>(n)), DnsTransport::kUdp,
                     &look_up));
    if (look_up && look_ups.size() < kLookUpsAtOnce) {
      look_ups.Spawn(AnswerLater(box, socket.get(), *std::move(look_up), from));
    }
    if (++in_a_row == kDatagramsPerTurn) {
      in_a_row = 0;
      co_await async::Yield();
    }
  }
}

Task<void> ServeDnsTcp(Box& box, UniqueFd connection) {
  net::SocketStream stream(std::move(connection));
  stream.set_read_timeout(kTcpIdle);
  stream.set_write_timeout(kTcpIdle);
  for (size_t i = 0; i < kTcpQueriesMax; ++i) {
    if (!co_await ServeTcpQuery(box, stream)) co_return;
  }
}

}  // namespace cove::gateway
