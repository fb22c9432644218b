// Goal: TLS carries bytes both ways under back-pressure, and trusts nobody without proof.
// Method: our own server and client over a socket pair, with a certificate authority of the test.
#include "net/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "async/task_group.h"
#include "base/testing.h"
#include "net/script_stream.h"
#include "net/test_certificate.h"

namespace cove::net {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

struct CaFile {
  TempDir dir;
  const std::string path = dir / "ca.pem";
  explicit CaFile(const std::string& pem) { dir.File("ca.pem", pem); }
};

std::pair<StreamPtr, StreamPtr> Streams() {
  auto pair = StreamPair();
  return {std::make_unique<SocketStream>(std::move(pair->first)),
          std::make_unique<SocketStream>(std::move(pair->second))};
}

Task<void> EchoServer(std::shared_ptr<TlsContext> context, StreamPtr stream, std::string* error) {
  auto tls = co_await TlsAccept(context, std::move(stream), Now() + 5s);
  if (!tls) {
    *error = tls.error().message();
    co_return;
  }
  std::vector<char> buffer(10'000);
  for (;;) {
    auto n = co_await (*tls)->Read(buffer);
    if (!n) *error = n.error().message();
    if (!n || *n == 0) break;
    if (!co_await (*tls)->Write({buffer.data(), *n})) co_return;
  }
  (void)co_await (*tls)->CloseWrite();
}

Task<void> SendAll(ByteStream& stream, std::string text) {
  EXPECT_TRUE(co_await stream.Write(text));
  EXPECT_TRUE(co_await stream.CloseWrite());
}

Task<Result<std::string>> Converse(std::shared_ptr<TlsContext> server,
                                   std::shared_ptr<TlsContext> client, std::string name,
                                   std::string text, std::string* server_error) {
  auto [near, far] = Streams();
  async::TaskGroup group;
  group.Spawn(EchoServer(server, std::move(far), server_error));
  CO_ASSIGN_OR_RETURN(const StreamPtr tls,
                      co_await TlsConnect(client, std::move(near), name, Now() + 5s));
  async::TaskGroup sending;
  sending.Spawn(SendAll(*tls, text));
  std::string got;
  std::vector<char> buffer(100'000);
  for (;;) {
    CO_ASSIGN_OR_RETURN(const size_t n, co_await tls->Read(buffer));
    if (n == 0) break;
    got.append(buffer.data(), n);
  }
  co_await group.Join();
  co_return got;
}

struct Pki {
  TestCertificate certificate;
  std::shared_ptr<TlsContext> server;
  std::shared_ptr<TlsContext> client;
};

Pki MakePki(const std::string& alt_name) {
  Pki out{MakeTestCertificate(alt_name), nullptr, nullptr};
  const CaFile ca(out.certificate.ca_pem);
  out.server = *TlsContext::MakeServer(out.certificate.cert_pem, out.certificate.key_pem);
  out.client = *TlsContext::MakeClient(ca.path);
  return out;
}

TEST(TlsTest, CarriesManyBytesBothWaysAtOnce) {
  async::Loop loop;
  const Pki setup = MakePki("DNS:example.test");
  std::string text;
  for (int i = 0; i < 400'000; ++i) text += std::to_string(i);
  std::string error;
  auto got = loop.RunUntil(Converse(setup.server, setup.client, "example.test", text, &error));
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(*got, text);
  EXPECT_EQ(error, "");
}

TEST(TlsTest, VerifiesNamesAddressesAndTheChain) {
  async::Loop loop;
  std::string error;
  const Pki named = MakePki("DNS:example.test");
  const Pki numbered = MakePki("IP:127.0.0.1");
  EXPECT_TRUE(loop.RunUntil(Converse(numbered.server, numbered.client, "127.0.0.1", "x", &error)));
  for (const auto& [server, client, name] :
       {std::tuple{named.server, named.client, "other.test"},
        std::tuple{named.server, named.client, "127.0.0.1"},
        std::tuple{numbered.server, numbered.client, "127.0.0.2"},
        std::tuple{named.server, numbered.client, "example.test"}}) {
    auto got = loop.RunUntil(Converse(server, client, name, "x", &error));
    ASSERT_FALSE(got) << name;
    EXPECT_EQ(got.error().code(), Code::kUnavailable);
    EXPECT_THAT(got.error().message(), HasSubstr("cannot be trusted"));
  }
  auto nameless = loop.RunUntil(Converse(named.server, named.client, "", "x", &error));
  ASSERT_FALSE(nameless);
  EXPECT_EQ(nameless.error().code(), Code::kInvalid);
}

TEST(TlsTest, HonoursSslCertFile) {
  async::Loop loop;
  const Pki setup = MakePki("DNS:example.test");
  const CaFile ca(setup.certificate.ca_pem);
  setenv("SSL_CERT_FILE", ca.path.c_str(), 1);
  auto client = TlsContext::MakeClient();
  unsetenv("SSL_CERT_FILE");
  ASSERT_TRUE(client);
  std::string error;
  auto got = loop.RunUntil(Converse(setup.server, *client, "example.test", "hi", &error));
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(*got, "hi");
}

Task<Result<size_t>> ReadFromOneWhoVanishes(Pki setup) {
  auto [near, far] = Streams();
  struct Vanish {
    static Task<void> Run(std::shared_ptr<TlsContext> context, StreamPtr stream) {
      auto tls = co_await TlsAccept(context, std::move(stream), Now() + 5s);
      if (tls) (void)co_await (*tls)->Write("x");
    }
  };
  async::TaskGroup group;
  group.Spawn(Vanish::Run(setup.server, std::move(far)));
  CO_ASSIGN_OR_RETURN(const StreamPtr tls, co_await TlsConnect(setup.client, std::move(near),
                                                               "example.test", Now() + 5s));
  char buffer[16];
  CO_ASSIGN_OR_RETURN(const size_t first, co_await tls->Read(buffer));
  EXPECT_EQ(first, 1u);
  co_return co_await tls->Read(buffer);
}

TEST(TlsTest, ACutStreamIsAnErrorAndNotItsEnd) {
  async::Loop loop;
  auto n = loop.RunUntil(ReadFromOneWhoVanishes(MakePki("DNS:example.test")));
  ASSERT_FALSE(n);
  EXPECT_EQ(n.error().code(), Code::kClosed);
}

TEST(TlsTest, TheHandshakeHasADeadline) {
  async::Loop loop;
  const Pki setup = MakePki("DNS:example.test");
  auto silent = std::make_shared<Script>();
  auto tls = loop.RunUntil(TlsConnect(setup.client, std::make_unique<ScriptStream>(silent),
                                      "example.test", Now() + 20ms));
  ASSERT_FALSE(tls);
  EXPECT_EQ(tls.error().code(), Code::kTimeout);
  EXPECT_TRUE(silent->destroyed);
}

TEST(TlsTest, RefusesKeysAndCertificatesThatDoNotFit) {
  const TestCertificate a = MakeTestCertificate("DNS:a");
  const TestCertificate b = MakeTestCertificate("DNS:b");
  EXPECT_FALSE(TlsContext::MakeServer(a.cert_pem, b.key_pem));
  EXPECT_FALSE(TlsContext::MakeServer("nonsense", a.key_pem));
  EXPECT_FALSE(TlsContext::MakeServer(a.cert_pem, "nonsense"));
  EXPECT_FALSE(TlsContext::MakeClient("/nonexistent"));
}

TEST(ResolveTest, ResolvesNamesAndTakesAddresses) {
  async::Loop loop;
  async::ThreadPool pool(1);
  auto ip = loop.RunUntil(Resolve(pool, "2001:db8::1", 80));
  ASSERT_TRUE(ip);
  EXPECT_EQ(ip->front().ToString(), "[2001:db8::1]:80");
  auto local = loop.RunUntil(Resolve(pool, "localhost", 81));
  ASSERT_TRUE(local);
  EXPECT_EQ(local->front().port(), 81);
  EXPECT_FALSE(loop.RunUntil(Resolve(pool, "", 80)));
}

}  // namespace
}  // namespace cove::net
