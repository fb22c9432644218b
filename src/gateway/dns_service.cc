#include "gateway/dns_service.h"

#include <array>

#include "policy/host_name.h"

namespace cove::gateway {
namespace {

namespace dns = codec::dns;
using policy::Reason;

constexpr uint32_t kStandInTtl = 60;
constexpr size_t kTcpQueriesMax = 256;
constexpr Duration kTcpIdle = seconds(10);
constexpr int kErrorsInARowMax = 64;
constexpr int kDatagramsPerTurn = 64;

void Deny(Box& box, const dns::Query& query, const policy::Decision& decision) {
  audit::Record record = box.NewRecord("dns");
  record.host = query.printable ? query.name : "(unprintable)";
  record.rule = decision.rule;
  record.layer = policy::LayerName(decision.layer);
  record.detail = "type " + std::to_string(query.type);
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

dns::Answer Judge(Box& box, const dns::Query& query) {
  dns::Answer out;
  out.ttl_seconds = kStandInTtl;
  if (query.klass != dns::kClassIn) {
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
    if (!decision.allow) {
      Deny(box, query, decision);
      return NxDomain();
    }
  }
  if (query.type == dns::kTypeA) {
    const auto bytes = box.stand_ins.AddressOf(*host).bytes;
    out.v4 = {{bytes[0], bytes[1], bytes[2], bytes[3]}};
  }
  return out;
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
  const std::vector<uint8_t> answer = AnswerDns(box, bytes, DnsTransport::kTcp);
  if (answer.empty()) co_return Error(Code::kInvalid, "not a DNS query");
  std::string framed;
  framed += static_cast<char>(answer.size() >> 8);
  framed += static_cast<char>(answer.size());
  framed.append(answer.begin(), answer.end());
  co_return co_await stream.Write(framed);
}

}  // namespace

std::vector<uint8_t> AnswerDns(Box& box, std::span<const uint8_t> message, DnsTransport transport) {
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
  const size_t bytes_max =
      transport == DnsTransport::kTcp ? size_t{65535} : parsed.query.udp_bytes_max;
  return dns::WriteAnswer(parsed.query, Judge(box, parsed.query), bytes_max);
}

Task<void> ServeDnsUdp(Box& box, UniqueFd socket) {
  async::FdWatch watch(socket.get());
  // One byte more than is accepted, so that a cut datagram is seen to be too long.
  std::vector<uint8_t> buffer(dns::kQueryBytesMax + 1);
  int errors = 0;
  int in_a_row = 0;
  while (errors < kErrorsInARowMax) {
    sockaddr_storage from;
    socklen_t from_size = sizeof from;
    const ssize_t n = recvfrom(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                               reinterpret_cast<sockaddr*>(&from), &from_size);
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
    const auto answer =
        AnswerDns(box, std::span(buffer).first(static_cast<size_t>(n)), DnsTransport::kUdp);
    if (!answer.empty()) {
      // An asker whose buffer is full asks again.
      (void)!sendto(socket.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                    reinterpret_cast<const sockaddr*>(&from), from_size);
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
