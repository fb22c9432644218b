#include "bridge/dial.h"

#include "http/dial.h"
#include "net/tls.h"

namespace cove::bridge {
namespace {

using async::Task;

struct Way {
  async::ThreadPool& pool;
  std::shared_ptr<net::TlsContext> tls;  // null: as the system's trust says
  std::shared_ptr<SystemTrust> trust;
  std::optional<http::Url> proxy;
  http::Client to_proxy;  // for the CONNECT only: what it opens is taken over
};

Task<Result<net::StreamPtr>> ThroughProxy(std::shared_ptr<Way> way, http::Url url,
                                          TimePoint deadline) {
  http::ClientRequest ask;
  ask.method = "CONNECT";
  ask.url = *way->proxy;
  const std::string host =
      url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  ask.url.target = host + ":" + std::to_string(url.port);
  ask.headers.Set("Host", ask.url.target);
  ask.head_deadline = deadline;
  auto answer = co_await way->to_proxy.Send(std::move(ask));
  if (!answer) co_return std::move(answer).error().Wrap("the outgoing proxy");
  const int status = (*answer)->head().status;
  net::StreamPtr stream = status / 100 == 2 ? (*answer)->TakeStream() : nullptr;
  if (stream != nullptr) co_return stream;
  co_return Error(Code::kUnavailable, "the outgoing proxy answered " + std::to_string(status));
}

Task<Result<net::StreamPtr>> Open(std::shared_ptr<Way> way, http::Url url, TimePoint deadline) {
  net::StreamPtr stream;
  if (way->proxy) {
    CO_ASSIGN_OR_RETURN(stream, co_await ThroughProxy(way, url, deadline));
  } else {
    CO_ASSIGN_OR_RETURN(stream, co_await http::DialTcp(way->pool, url.host, url.port, deadline));
  }
  if (url.scheme != "https") co_return stream;
  auto tls = way->tls;
  if (tls == nullptr) {
    CO_ASSIGN_OR_RETURN(tls, way->trust->Get());
  }
  co_return co_await net::TlsConnect(std::move(tls), std::move(stream), url.host, deadline);
}

Task<Result<net::StreamPtr>> Dial(std::shared_ptr<Way> way, http::Url url, TimePoint deadline) {
  auto stream = co_await Open(std::move(way), std::move(url), deadline);
  if (stream) co_return stream;
  co_return Error(kNothingSent, stream.error().message());
}

}  // namespace

Result<std::shared_ptr<net::TlsContext>> SystemTrust::Get() {
  if (context_ == nullptr) {
    ASSIGN_OR_RETURN(context_, net::TlsContext::MakeClient());
  }
  return context_;
}

std::unique_ptr<http::Client> MakeClient(const Provider& provider, async::ThreadPool& pool,
                                         std::shared_ptr<SystemTrust> trust, size_t idle) {
  http::ClientLimits limits;
  limits.idle_per_origin_max = idle;
  limits.idle_max = idle;
  limits.connect_timeout = provider.timeouts.connect;
  auto client = std::make_unique<http::Client>(pool, nullptr, limits);
  std::shared_ptr<Way> way(
      new Way{pool, provider.tls, std::move(trust), provider.proxy, http::Client(pool)});
  client->set_dialer(
      [way](http::Url url, TimePoint deadline) { return Dial(way, std::move(url), deadline); });
  return client;
}

}  // namespace cove::bridge
