#include "http/server.h"

#include <exception>

#include "http/http2_server.h"
#include "http/server_connection.h"
#include "log/log.h"
#include "net/tls.h"

namespace cove::http {

namespace internal {
namespace {

// A client that still sends when it has its answer must get to read it; the time-out bounds this
// too.
constexpr size_t kLingerBytesMax = 64 * 1024 * 1024;

}  // namespace

Task<void> ServerConnection::Run() {
  link_.stream->set_write_timeout(link_.limits.body_timeout);
  while (co_await ReadHead()) {
    const codec::Http1Head& head = parser_.head();
    if (head.has_length && head.length > link_.limits.body_bytes_max) {
      co_await Refuse(413, "the body is over the limit");
      co_return;
    }
    bool more = false;
    {
      ServerExchange exchange(&link_, head);
      co_await RunHandler(exchange);
      more = co_await exchange.Settle();
    }
    if (!more) {
      co_await CloseGently();
      co_return;
    }
    parser_.Reset();
  }
}

Task<bool> ServerConnection::ReadHead() {
  TimePoint deadline = Now() + link_.limits.idle_timeout;
  bool started = false;
  for (;;) {
    if (!link_.input.empty()) {
      std::string_view in = link_.input.view();
      const size_t before = in.size();
      const auto done = parser_.Next(&in);
      link_.input.Consume(before - in.size());
      if (!done) {
        const bool too_large = done.error().code() == Code::kTooLarge;
        co_await Refuse(too_large ? 431 : 400, done.error().message());
        co_return false;
      }
      if (*done) co_return true;
      if (!started) deadline = Now() + link_.limits.head_timeout;
      started = true;
    }
    const Duration left = deadline - Now();
    if (left > Duration::zero()) {
      link_.stream->set_read_timeout(left);
      const auto n = co_await link_.input.Fill(*link_.stream);
      if (n && *n != 0) continue;
      if (n || n.error().code() != Code::kTimeout) co_return false;
    }
    if (started) co_await Refuse(408, "the head of the request took too long");
    co_return false;
  }
}

Task<void> ServerConnection::RunHandler(Exchange& exchange) {
  std::string thrown;
  try {
    co_await handler_(exchange);
  } catch (const std::exception& e) {
    thrown = e.what();
  }
  if (!thrown.empty()) log::Error("http.handler_threw", {{"what", thrown}});
}

Task<void> ServerConnection::Refuse(int status, std::string why) {
  const auto [type, body] = MakeRefusal(refused_, status, why);
  auto writer = codec::Http1HeadWriter::Response(status, ReasonPhrase(status));
  writer.Field("Date", HttpDate());
  writer.Field("Content-Type", type);
  writer.Field("Content-Length", std::to_string(body.size()));
  writer.Field("Connection", "close");
  const auto head = writer.Finish();
  if (!head) co_return;
  const std::string out = *head + body;
  if (co_await link_.stream->Write(out)) co_await CloseGently();
}

// A close while bytes are unread makes the kernel send a reset, which can take the answer away
// from a client that has not read it yet: so end our side first and read on for a moment.
Task<void> ServerConnection::CloseGently() {
  if (link_.stream == nullptr || !co_await link_.stream->CloseWrite()) co_return;
  const TimePoint deadline = Now() + link_.limits.linger_timeout;
  std::vector<char> buffer(16 * 1024);
  for (size_t dropped = 0; dropped < kLingerBytesMax;) {
    const Duration left = deadline - Now();
    if (left <= Duration::zero()) co_return;
    link_.stream->set_read_timeout(left);
    const auto n = co_await link_.stream->Read(buffer);
    if (!n || *n == 0) co_return;
    dropped += *n;
  }
}

}  // namespace internal

Refusal MakeRefusal(const Refused& refused, int status, std::string_view why) {
  Refusal out = refused ? refused(status, why) : Refusal();
  if (out.body.empty()) out = {Refusal().type, std::string(why) + "\n"};
  return out;
}

Task<void> Exchange::PeerClosed() {
  async::Event never;
  co_await never.Wait();
}

Server::Server(Handler handler, ServerLimits limits)
    : handler_(std::move(handler)), limits_(limits) {}

Task<Result<void>> Server::Serve(net::Listener& listener) {
  async::TaskGroup connections;
  for (;;) {
    while (connections_ >= limits_.connections_max) co_await slot_free_.Wait();
    CO_ASSIGN_OR_RETURN(UniqueFd fd, co_await listener.Accept());
    const auto address = net::PeerAddress(fd.get());
    std::string peer = address ? address->ToString() : std::string();
    connections.Spawn(
        ServeConnection(std::make_unique<net::SocketStream>(std::move(fd)), std::move(peer)));
  }
}

Task<void> Server::ServeConnection(net::StreamPtr stream, std::string peer) {
  struct Slot {
    Server* server;
    explicit Slot(Server* s) : server(s) { ++server->connections_; }
    ~Slot() {
      --server->connections_;
      server->slot_free_.NotifyAll();
    }
  } slot(this);
  if (net::SpeaksHttp2(*stream)) {
    internal::Http2Server connection(handler_, refused_, admit_, limits_, std::move(stream),
                                     std::move(peer));
    co_await connection.Run();
    co_return;
  }
  internal::ServerConnection connection(
      handler_, refused_,
      internal::ServerLink{limits_, keep_alive_, std::move(stream), std::move(peer), {}});
  co_await connection.Run();
}

}  // namespace cove::http
