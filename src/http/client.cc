#include "http/client.h"

#include <algorithm>

#include "http/client_exchange.h"

namespace cove::http {
namespace {

using internal::ClientExchange;
using internal::ClientPool;

// RFC 9110 section 9.2.2.
bool IsIdempotent(const ClientRequest& request) {
  for (const char* method : {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}) {
    if (request.method == method) return true;
  }
  return request.headers.Has("Idempotency-Key");
}

Task<Result<net::StreamPtr>> DialTcp(async::ThreadPool& pool, std::string host, uint16_t port,
                                     TimePoint deadline) {
  CO_ASSIGN_OR_RETURN(const auto addresses, co_await net::Resolve(pool, host, port));
  Error last(Code::kNotFound, host + " has no address");
  for (size_t i = 0; i < addresses.size(); ++i) {
    // Each address gets its share of the time, so that one that is silent does not eat it all.
    const auto left = static_cast<Duration::rep>(addresses.size() - i);
    const TimePoint until = Now() + std::max(deadline - Now(), Duration::zero()) / left;
    auto stream = co_await net::Connect(addresses[i], until);
    if (stream) co_return net::StreamPtr(std::move(*stream));
    last = std::move(stream).error();
  }
  co_return last;
}

}  // namespace

struct Client::Impl {
  Impl(async::ThreadPool& resolver_pool, std::shared_ptr<net::TlsContext> context,
       ClientLimits client_limits)
      : resolver(resolver_pool),
        tls(std::move(context)),
        limits(client_limits),
        pool(client_limits) {}

  Task<Result<net::StreamPtr>> Dial(Url url, TimePoint deadline);

  async::ThreadPool& resolver;
  std::shared_ptr<net::TlsContext> tls;
  ClientLimits limits;
  Dialer dialer;
  ClientPool pool;
};

Task<Result<net::StreamPtr>> Client::Impl::Dial(Url url, TimePoint deadline) {
  if (dialer) co_return co_await dialer(std::move(url), deadline);
  if (url.scheme == "unix") {
    CO_ASSIGN_OR_RETURN(const auto address, net::SocketAddress::FromUnixPath(url.host));
    CO_ASSIGN_OR_RETURN(auto stream, co_await net::Connect(address, deadline));
    co_return net::StreamPtr(std::move(stream));
  }
  CO_ASSIGN_OR_RETURN(auto stream, co_await DialTcp(resolver, url.host, url.port, deadline));
  if (url.scheme != "https") co_return std::move(stream);
  if (tls == nullptr) {
    CO_ASSIGN_OR_RETURN(tls, net::TlsContext::MakeClient());
  }
  co_return co_await net::TlsConnect(tls, std::move(stream), url.host, deadline);
}

Client::Client(async::ThreadPool& resolver_pool, std::shared_ptr<net::TlsContext> tls,
               ClientLimits limits)
    : impl_(std::make_unique<Impl>(resolver_pool, std::move(tls), limits)) {}

Client::~Client() = default;

void Client::set_dialer(Dialer dialer) { impl_->dialer = std::move(dialer); }

size_t Client::idle_connections() const { return impl_->pool.size(); }

Task<Result<std::unique_ptr<ClientResponse>>> Client::Send(ClientRequest request) {
  const auto shared = std::make_shared<const ClientRequest>(std::move(request));
  const Url& url = shared->url;
  const std::string origin = url.scheme + "://" + url.host + ":" + std::to_string(url.port);
  for (bool may_pool = true;; may_pool = false) {
    net::StreamPtr stream = may_pool ? impl_->pool.Take(origin) : nullptr;
    const bool pooled = stream != nullptr;
    if (!pooled) {
      const TimePoint deadline =
          std::min(shared->head_deadline, Now() + impl_->limits.connect_timeout);
      CO_ASSIGN_OR_RETURN(stream, co_await impl_->Dial(url, deadline));
    }
    auto exchange =
        std::make_unique<ClientExchange>(&impl_->pool, origin, std::move(stream), impl_->limits);
    auto started = co_await exchange->Start(shared);
    if (started) co_return std::unique_ptr<ClientResponse>(std::move(exchange));
    const bool went_stale =
        pooled && !exchange->answer_started() && started.error().code() == Code::kClosed;
    if (!went_stale || shared->stream != nullptr || !IsIdempotent(*shared)) {
      co_return std::move(started).error();
    }
  }
}

}  // namespace cove::http
