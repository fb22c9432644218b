#include "gateway/proxy.h"

#include "base/text.h"
#include "codec/http1.h"
#include "codec/socks.h"
#include "gateway/http_answer.h"
#include "policy/host_name.h"

namespace cove::gateway {
namespace {

using net::Task;
using policy::Reason;

constexpr size_t kReadBytes = 4096;
constexpr size_t kHeadBytesMax = 16 * 1024;
constexpr std::string_view kConnect = "CONNECT ";

// Reads once and adds to `ahead`.
Task<Result<void>> ReadMore(net::ByteStream& client, std::string* ahead, TimePoint deadline) {
  const Duration left = deadline - Now();
  if (left <= Duration::zero()) co_return Error(Code::kTimeout, "the proxy's client was silent");
  client.set_read_timeout(left);
  // Not in the coroutine's frame: frames of callees may be part of their caller's, for as long as
  // that lives.
  std::vector<char> buffer(kReadBytes);
  CO_ASSIGN_OR_RETURN(const size_t n, co_await client.Read(buffer));
  if (n == 0) co_return Error(Code::kClosed, "the proxy's client left");
  ahead->append(buffer.data(), n);
  co_return Ok();
}

void ReadHost(std::string_view text, ProxyTarget& out) {
  if (const auto address = policy::Address::Parse(text)) {
    out.address = address;
    return;
  }
  auto host = policy::CanonicalHost(text);
  if (host) {
    out.host = *std::move(host);
  } else {
    out.reason = Reason::kBadName;
  }
}

// "host:port" or "[v6]:port" (RFC 9110 section 9.3.6); the port has to be there.
ProxyTarget ReadAuthorityForm(std::string_view text) {
  ProxyTarget out;
  out.asked = text;
  const size_t colon = text.rfind(':');
  const auto port = colon == text.npos ? std::nullopt : ParseInt<uint16_t>(text.substr(colon + 1));
  if (!port) {
    out.reason = Reason::kBadName;
    return out;
  }
  out.port = *port;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  ReadHost(host, out);
  if (out.address && out.address->v6 != bracketed) out.reason = Reason::kBadName;
  if (!out.address && bracketed) out.reason = Reason::kBadName;
  return out;
}

ProxyTarget ReadConnectHead(const codec::Http1Head& head) {
  ProxyTarget out = ReadAuthorityForm(head.target);
  if (head.method != "CONNECT" || head.chunked || (head.has_length && head.length != 0)) {
    out.reason = Reason::kMalformed;
  }
  for (const auto& field : head.fields) {
    if (out.reason != Reason::kAllowed || !EqualsIgnoreCase(field.name, "host")) continue;
    // Some leave the port out.
    const std::string_view target = head.target;
    const std::string_view name = target.substr(0, target.rfind(':'));
    if (!EqualsIgnoreCase(field.value, target) && !EqualsIgnoreCase(field.value, name)) {
      out.reason = Reason::kNameMismatch;
    }
  }
  return out;
}

Task<Result<ProxyTarget>> ReadConnect(net::ByteStream& client, std::string* ahead,
                                      TimePoint deadline) {
  codec::Http1HeadParser parser(codec::Http1HeadParser::Kind::kRequest, {kHeadBytesMax});
  for (;;) {
    std::string_view in = *ahead;
    const auto done = parser.Next(&in);
    ahead->erase(0, ahead->size() - in.size());
    if (!done) {
      ProxyTarget bad;
      bad.reason = Reason::kMalformed;
      bad.asked = bad.detail = done.error().message();
      co_return bad;
    }
    if (*done) co_return ReadConnectHead(parser.head());
    CO_RETURN_IF_ERROR(co_await ReadMore(client, ahead, deadline));
  }
}

ProxyTarget FromSocks(const codec::SocksRequest& request) {
  ProxyTarget out;
  out.port = request.port;
  if (request.v4) {
    policy::Address& address = out.address.emplace();
    std::copy(request.v4->begin(), request.v4->end(), address.bytes.begin());
  } else if (request.v6) {
    policy::Address& address = out.address.emplace();
    address.v6 = true;
    std::copy(request.v6->begin(), request.v6->end(), address.bytes.begin());
  } else {
    ReadHost(request.name, out);
  }
  out.asked =
      (out.address ? out.address->ToString() : request.name) + ":" + std::to_string(request.port);
  if (request.command != codec::SocksCommand::kConnect) out.reason = Reason::kMethodNotSupported;
  return out;
}

Task<Result<ProxyTarget>> ReadSocks(net::ByteStream& client, std::string* ahead,
                                    TimePoint deadline) {
  using State = codec::SocksParser::State;
  codec::SocksParser parser;
  for (;;) {
    std::string_view in = *ahead;
    const State state = parser.Next(&in);
    ahead->erase(0, ahead->size() - in.size());
    ProxyTarget bad;
    switch (state) {
      case State::kDone:
        co_return FromSocks(parser.request());
      case State::kGreeted:
        CO_RETURN_IF_ERROR(co_await client.Write(codec::kSocksNoAuthentication));
        continue;
      case State::kNoMethod:
        CO_RETURN_IF_ERROR(co_await client.Write(codec::kSocksNoMethod));
        co_return Error(Code::kInvalid, "the SOCKS client insists on authentication");
      case State::kBadCommand:
        bad.reason = Reason::kMethodNotSupported;
        co_return bad;
      case State::kBadAddress:
        bad.reason = Reason::kBadName;
        co_return bad;
      case State::kBad:
        co_return Error(Code::kInvalid, "this is not SOCKS5");
      case State::kGreeting:
      case State::kRequest:
        break;
    }
    CO_RETURN_IF_ERROR(co_await ReadMore(client, ahead, deadline));
  }
}

codec::SocksReply SocksReplyFor(Reason reason) {
  switch (reason) {
    case Reason::kAllowed:
      return codec::SocksReply::kSucceeded;
    case Reason::kMethodNotSupported:
      return codec::SocksReply::kCommandNotSupported;
    case Reason::kBadName:
      return codec::SocksReply::kAddressNotSupported;
    default:
      return codec::SocksReply::kNotAllowed;
  }
}

}  // namespace

Task<Result<bool>> WantsConnect(net::ByteStream& client, std::string* ahead, TimePoint deadline) {
  while (ahead->size() < kConnect.size() && kConnect.starts_with(*ahead)) {
    CO_RETURN_IF_ERROR(co_await ReadMore(client, ahead, deadline));
  }
  co_return ahead->starts_with(kConnect);
}

Task<Result<ProxyTarget>> ReadProxyTarget(ProxyKind kind, net::ByteStream& client,
                                          std::string* ahead, TimePoint deadline) {
  return kind == ProxyKind::kHttp ? ReadConnect(client, ahead, deadline)
                                  : ReadSocks(client, ahead, deadline);
}

Task<Result<void>> AnswerProxy(ProxyKind kind, net::ByteStream& client, const ProxyTarget& target,
                               Reason reason) {
  if (kind == ProxyKind::kSocks) {
    const std::string reply = codec::WriteSocksReply(SocksReplyFor(reason));
    co_return co_await client.Write(reply);
  }
  if (reason == Reason::kAllowed) {
    co_return co_await client.Write("HTTP/1.1 200 Connection established\r\n\r\n");
  }
  const std::string body = ReasonBody(reason, target.host, target.port, target.detail);
  const int status = ReasonStatus(reason);
  auto writer = codec::Http1HeadWriter::Response(status, http::ReasonPhrase(status));
  writer.Field("Content-Type", kReasonType);
  writer.Field("Content-Length", std::to_string(body.size()));
  writer.Field("Connection", "close");
  CO_ASSIGN_OR_RETURN(std::string answer, writer.Finish());
  answer += body;
  co_return co_await client.Write(answer);
}

}  // namespace cove::gateway
