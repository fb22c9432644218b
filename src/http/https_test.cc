// Goal: the client reaches an https origin, uses its connection again, and refuses one it cannot
// trust. Method: our own server behind TLS on loopback, with a certificate authority of the test.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "base/testing.h"
#include "http/client.h"
#include "http/server.h"
#include "net/test_certificate.h"

namespace cove::http {
namespace {

Task<void> SayPeer(Exchange& x) {
  auto body = co_await ReadAll(x.body(), 10 << 20);
  if (body) (void)co_await x.Respond({200, {{"X-Peer", x.peer()}}}, std::move(*body));
}

// Serves connections one after another, each named by its number.
Task<void> ServeTls(Server& server, net::Listener& listener,
                    std::shared_ptr<net::TlsContext> context) {
  for (int number = 0;; ++number) {
    auto fd = co_await listener.Accept();
    if (!fd) co_return;
    auto stream = co_await net::TlsAccept(
        context, std::make_unique<net::SocketStream>(std::move(*fd)), Now() + seconds(5));
    if (stream) co_await server.ServeConnection(std::move(*stream), std::to_string(number));
  }
}

Task<Result<std::string>> Post(Client& client, std::string url, std::string body) {
  ClientRequest request;
  request.method = "POST";
  CO_ASSIGN_OR_RETURN(request.url, Url::Parse(url));
  request.body = std::move(body);
  request.head_deadline = Now() + seconds(5);
  CO_ASSIGN_OR_RETURN(auto response, co_await client.Send(std::move(request)));
  CO_ASSIGN_OR_RETURN(const std::string echoed, co_await ReadAll(response->body(), 10 << 20));
  co_return std::string(response->head().headers.Get("X-Peer").value_or("")) + " " +
      std::to_string(echoed.size());
}

TEST(HttpsTest, VerifiesAndUsesTheConnectionAgain) {
  async::Loop loop;
  async::ThreadPool pool(1);
  const auto pki = net::MakeTestCertificate("IP:127.0.0.1");
  const TempDir dir;
  dir.File("ca.pem", pki.ca_pem);
  auto trusting = net::TlsContext::MakeClient(dir / "ca.pem");
  ASSERT_TRUE(trusting);
  net::Listener listener(*net::ListenTcp(*net::SocketAddress::FromIp("127.0.0.1", 0)));
  const std::string port = std::to_string(net::LocalAddress(listener.fd())->port());
  Server server(&SayPeer);
  Client client(pool, *trusting);
  Client stranger(pool);
  async::TaskGroup tasks;
  tasks.Spawn(ServeTls(server, listener, *net::TlsContext::MakeServer(pki.cert_pem, pki.key_pem)));

  auto refused = loop.RunUntil(Post(stranger, "https://127.0.0.1:" + port + "/", "x"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kUnavailable);
  for (const size_t size : {1, 3'000'000, 2}) {
    auto got =
        loop.RunUntil(Post(client, "https://127.0.0.1:" + port + "/x", std::string(size, 'x')));
    ASSERT_TRUE(got) << got.error().message();
    EXPECT_EQ(*got, "1 " + std::to_string(size));
  }
}

}  // namespace
}  // namespace cove::http
