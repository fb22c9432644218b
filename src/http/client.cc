#include "http/client.h"

#include <algorithm>

#include "http/client_exchange.h"
#include "http/dial.h"
#include "http/http2_client.h"

namespace cove::http {
namespace {

using internal::ClientExchange;
using internal::ClientPool;
using internal::Http2Client;
using internal::Http2Response;

// RFC 9110 section 9.2.2.
bool MayGoTwice(const ClientRequest& request) {
  if (request.once) return false;
  for (const char* method : {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}) {
    if (request.method == method) return true;
  }
  return request.headers.Has("Idempotency-Key");
}

}  // namespace

struct Client::Impl {
  Impl(async::ThreadPool& resolver_pool, std::shared_ptr<net::TlsContext> context,
       ClientLimits client_limits)
      : resolver(resolver_pool),
        tls(std::move(context)),
        limits(client_limits),
        pool(client_limits) {}

  using RequestPtr = std::shared_ptr<const ClientRequest>;
  using ResponseResult = Result<std::unique_ptr<ClientResponse>>;
  // What is known of an origin that may speak HTTP/2. While the first connection to it is being
  // made, others wait, for they may share it.
  struct Origin {
    std::shared_ptr<Http2Client> shared;
    bool http1 = false;  // it did not want HTTP/2: nobody waits for anybody
    bool dialling = false;
    async::Event dialled;
  };

  Task<Result<net::StreamPtr>> Dial(Url url, TimePoint deadline);
  Task<Result<net::StreamPtr>> DialFor(const ClientRequest& request);
  // A stream for HTTP/1, or null: then there is origin.shared.
  Task<Result<net::StreamPtr>> DialOrShare(RequestPtr request, std::string name);
  Task<void> RunShared(std::shared_ptr<Http2Client> client, std::string name);

  async::ThreadPool& resolver;
  std::shared_ptr<net::TlsContext> tls;
  ClientLimits limits;
  Dialer dialer;
  ClientPool pool;
  std::map<std::string, Origin> origins;
  async::TaskGroup tasks;
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
  const bool http2 = limits.http2 == ClientLimits::Http2::kIfOffered;
  co_return co_await net::TlsConnect(tls, std::move(stream), url.host, deadline,
                                     http2 ? net::Alpn::kHttp2OrHttp1 : net::Alpn::kHttp1);
}

Task<Result<net::StreamPtr>> Client::Impl::DialFor(const ClientRequest& request) {
  return Dial(request.url, std::min(request.head_deadline, Now() + limits.connect_timeout));
}

Task<Result<net::StreamPtr>> Client::Impl::DialOrShare(RequestPtr request, std::string name) {
  if (request->url.scheme != "https" || limits.http2 == ClientLimits::Http2::kNever) {
    co_return co_await DialFor(*request);
  }
  // Entries stay: the number of origins is the caller's.
  Origin& origin = origins[name];
  while (origin.dialling && !origin.http1 && !(origin.shared && origin.shared->open())) {
    if (!co_await origin.dialled.Wait(request->head_deadline)) {
      co_return Error(Code::kTimeout, "no connection came in time");
    }
  }
  if (origin.shared != nullptr && origin.shared->open()) co_return net::StreamPtr();
  struct Dialling {
    Origin& origin;
    explicit Dialling(Origin& o) : origin(o) { origin.dialling = true; }
    ~Dialling() {
      origin.dialling = false;
      origin.dialled.NotifyAll();
    }
  } dialling(origin);
  CO_ASSIGN_OR_RETURN(auto stream, co_await DialFor(*request));
  origin.http1 = !net::SpeaksHttp2(*stream);
  if (origin.http1) co_return std::move(stream);
  origin.shared = std::make_shared<Http2Client>(std::move(stream), limits);
  tasks.Spawn(RunShared(origin.shared, std::move(name)));
  co_return net::StreamPtr();
}

Task<void> Client::Impl::RunShared(std::shared_ptr<Http2Client> client, std::string name) {
  co_await client->Run();
  Origin& origin = origins[name];
  if (origin.shared == client) origin.shared = nullptr;
}

Client::Client(async::ThreadPool& resolver_pool, std::shared_ptr<net::TlsContext> tls,
               ClientLimits limits)
    : impl_(std::make_unique<Impl>(resolver_pool, std::move(tls), limits)) {}

Client::~Client() = default;

void Client::set_dialer(Dialer dialer) { impl_->dialer = std::move(dialer); }

size_t Client::idle_connections() const { return impl_->pool.size(); }

void Client::DropIdle() { impl_->pool.Clear(); }

Task<Result<std::unique_ptr<ClientResponse>>> Client::Send(ClientRequest request) {
  const auto shared = std::make_shared<const ClientRequest>(std::move(request));
  const Url& url = shared->url;
  const std::string origin = url.scheme + "://" + url.host + ":" + std::to_string(url.port);
  for (bool first = true;; first = false) {
    net::StreamPtr stream = first ? impl_->pool.Take(origin) : nullptr;
    const bool pooled = stream != nullptr;
    if (!pooled) {
      CO_ASSIGN_OR_RETURN(stream, co_await impl_->DialOrShare(shared, origin));
    }
    if (stream == nullptr) {
      auto response = std::make_unique<Http2Response>(impl_->origins[origin].shared, shared);
      auto started = co_await response->Start();
      if (started) co_return std::unique_ptr<ClientResponse>(std::move(response));
      const bool again =
          response->untouched() || (response->connection_lost() && MayGoTwice(*shared));
      if (first && again && shared->stream == nullptr) continue;
      co_return std::move(started).error();
    }
    auto exchange =
        std::make_unique<ClientExchange>(&impl_->pool, origin, std::move(stream), impl_->limits);
    auto started = co_await exchange->Start(shared);
    if (started) co_return std::unique_ptr<ClientResponse>(std::move(exchange));
    const bool went_stale =
        pooled && !exchange->answer_started() && started.error().code() == Code::kClosed;
    if (!went_stale || shared->stream != nullptr || !MayGoTwice(*shared)) {
      co_return std::move(started).error();
    }
  }
}

}  // namespace cove::http
