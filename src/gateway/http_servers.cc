#include "gateway/http_servers.h"

#include "gateway/dialer.h"

namespace cove::gateway {
namespace {

using policy::Reason;

constexpr size_t kIdleMax = 4;        // connections to servers that a client's connection keeps
constexpr size_t kUpstreamsEach = 2;  // a sandbox's, for each connection that it may have

// Resolving and dialling have limits of their own, and tell more when they pass.
http::ClientLimits ClientLimitsFor(const Limits& limits, http::ClientLimits::Http2 http2) {
  http::ClientLimits out;
  out.http2 = http2;
  out.idle_max = kIdleMax;
  out.idle_per_origin_max = kIdleMax;
  out.connect_timeout = limits.resolve_timeout + limits.dial_timeout + seconds(1);
  return out;
}

}  // namespace

HttpServers::HttpServers(Box& box, const HttpJudge& judge, HeldConnections& held)
    : box_(box),
      judge_(judge),
      held_(held),
      any_(*box.deps.resolver_pool, nullptr,
           ClientLimitsFor(box.deps.limits, http::ClientLimits::Http2::kIfOffered)),
      http1_(*box.deps.resolver_pool, nullptr,
             ClientLimitsFor(box.deps.limits, http::ClientLimits::Http2::kNever)) {
  any_.set_dialer(
      [this](http::Url url, TimePoint) { return Dial(std::move(url), Protocol::kAny); });
  http1_.set_dialer(
      [this](http::Url url, TimePoint) { return Dial(std::move(url), Protocol::kHttp1); });
  held_.set_drop_idle([this] {
    any_.DropIdle();
    http1_.DropIdle();
  });
}

Task<HttpServers::Answer> HttpServers::Send(http::ClientRequest request, Protocol protocol) {
  const std::string host = request.url.host;
  const uint16_t port = request.url.port;
  http::Client& client = protocol == Protocol::kAny ? any_ : http1_;
  Answer out{co_await client.Send(std::move(request))};
  out.address = AddressOf(host, port);
  if (out.response) co_return out;
  if (last_.host == host && last_.port == port) out.reason = last_.reason;
  if (out.reason == Reason::kAllowed) {
    const bool too_much = out.response.error().code() == Code::kExhausted;
    out.reason = too_much ? Reason::kUsedUp : Reason::kBroken;
  }
  co_return out;
}

// A request may have gone on a connection that was dialled for an earlier one.
std::string HttpServers::AddressOf(const std::string& host, uint16_t port) const {
  if (last_.host == host && last_.port == port && !last_.address.empty()) return last_.address;
  for (const Upstream& one : open_) {
    if (one.route.host == host && one.route.port == port) return one.address.ToString();
  }
  return {};
}

std::vector<net::SocketAddress> HttpServers::ToNumber() const {
  const Destination& to = judge_.origin().destination;
  const auto one = net::SocketAddress::FromIp(to.address.ToString(), to.port);
  return one ? std::vector<net::SocketAddress>(1, *one) : std::vector<net::SocketAddress>();
}

Task<Result<net::StreamPtr>> HttpServers::Dial(http::Url url, Protocol protocol) {
  // Judged again, because a pooled connection may have been opened under another policy.
  const auto policy = box_.Policy();
  const bool by_number = policy != nullptr && judge_.ByNumber(*policy, url.host, url.port);
  if (policy == nullptr || (!by_number && !policy->Evaluate(url.host, url.port).allow)) {
    last_ = {url.host, url.port, Reason::kRevoked, {}};
    co_return Error(Code::kDenied, "the rule is gone");
  }
  const Limits& limits = box_.deps.limits;
  if (box_.upstreams >= kUpstreamsEach * limits.connections_per_sandbox_max ||
      box_.load.upstreams >= limits.connections_max) {
    last_ = {url.host, url.port, Reason::kLimit, {}};
    co_return Error(Code::kExhausted, "too many connections to servers");
  }
  auto place = TakePlace(box_.upstreams, box_.load.upstreams);
  Dialled dialled = by_number ? co_await DialAddresses(box_, ToNumber())
                              : co_await DialName(box_, policy, url.host, url.port);
  last_ = {url.host, url.port, dialled.reason, dialled.address};
  if (dialled.stream == nullptr) co_return Error(Code::kUnavailable, dialled.detail);
  Upstream what{{url.host, url.port, protocol},
                policy::Address::Parse(dialled.address).value_or(policy::Address{})};
  // Resolved and dialled by what held before.
  if (!judge_.MayStay(what)) {
    last_.reason = Reason::kRevoked;
    dialled.stream->MarkAborted();
    co_return Error(Code::kDenied, "the rule is gone");
  }
  net::StreamPtr stream = std::make_unique<UpstreamStream>(
      std::move(dialled.stream), std::move(what), open_, held_, std::move(place));
  if (!judge_.origin().https()) co_return std::move(stream);
  const bool any = protocol == Protocol::kAny;
  const net::Alpn alpn = any ? net::Alpn::kHttp2OrHttp1 : net::Alpn::kHttp1;
  co_return co_await net::TlsConnect(box_.deps.upstream_tls, std::move(stream), url.host,
                                     Now() + limits.dial_timeout, alpn);
}

}  // namespace cove::gateway
