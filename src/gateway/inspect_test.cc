// Goal: where a rule wants it, TLS is opened: requests are judged, the real server is verified, and
// the sandbox sees certificates of the installation's authority, each for one host.
// Method: the gateway of inspect_fake.h between a TLS client that trusts the authority and our own
// HTTPS server.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "gateway/inspect_fake.h"

namespace cove::gateway {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
  return path;
}

Task<void> Echo(http::Exchange& exchange) {
  const auto& request = exchange.request();
  (void)co_await exchange.Respond(
      {}, request.method + " " + std::string(request.Host()) + request.target);
}

Task<void> ServeOne(net::Listener& listener, std::shared_ptr<net::TlsContext> context) {
  auto fd = co_await listener.Accept();
  if (!fd) co_return;
  auto tls = co_await net::TlsAccept(std::move(context),
                                     std::make_unique<SocketStream>(*std::move(fd)), Now() + 2s);
  if (!tls) co_return;
  http::Server server(Echo);
  co_await server.ServeConnection(*std::move(tls), "test");
}

class InspectTest : public OpenedTlsTest {
 protected:
  void SetUp() override {
    OpenedTlsTest::SetUp();
    if (HasFatalFailure()) return;
    SetDocument(
        "[[rule]]\nallow=[\"allowed.test\",\"second.test\"]\nmethods=[\"GET\"]\n"
        "paths=[\"/org/**\"]\ninspect=true\n");
  }
  std::string Send(std::string name, std::string bytes) {
    return loop_.RunUntil(Talk(this, std::move(name), std::move(bytes)));
  }
  static Task<std::string> Talk(InspectTest* t, std::string name, std::string bytes) {
    net::Listener listener(*net::ListenTcp(*SocketAddress::FromIp(kServerIp, 443)));
    async::TaskGroup group;
    group.Spawn(ServeOne(listener, t->server_tls_));
    co_return co_await Ask(t->tcp_, t->trust_, std::move(name), std::move(bytes));
  }
  static std::string Get(std::string_view host, std::string_view target) {
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(host) +
           "\r\nConnection: close\r\n\r\n";
  }
};

TEST_F(InspectTest, AnAllowedRequestArrivesThroughBothSidesOfTls) {
  Start();
  GoTo("allowed.test", 443);
  const std::string answer = Send("allowed.test", Get("allowed.test", "/org/a?b=c"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, EndsWith("GET allowed.test/org/a?b=c"));
  const auto rows = Rows();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].channel, "https");
  EXPECT_EQ(rows[0].method + " " + rows[0].path, "GET /org/a");
  EXPECT_EQ(rows[0].user, "tester");
  EXPECT_EQ(rows[0].rule, "allowed.test:80,443 GET /org/** inspect");
  EXPECT_EQ(rows[1].address, kServerIp);
}

TEST_F(InspectTest, ARequestThatNoRuleAllowsNeverLeaves) {
  Start();
  GoTo("allowed.test", 443);
  const std::string answer = Send("allowed.test", Get("allowed.test", "/other"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(answer, HasSubstr(R"("reason":"request_not_allowed")"));
  EXPECT_TRUE(resolved_.empty());
}

TEST_F(InspectTest, TheNameInTheHelloBindsTheHost) {
  Start();
  GoToAddress("198.51.100.9", 443);
  EXPECT_THAT(Send("allowed.test", Get("second.test", "/org/a")),
              HasSubstr(R"("reason":"name_mismatch")"));
  EXPECT_TRUE(resolved_.empty());
}

TEST_F(InspectTest, TheRealServersCertificateIsVerified) {
  UseServer("DNS:somebody-else.test");
  Start();
  GoTo("allowed.test", 443);
  EXPECT_THAT(Send("allowed.test", Get("allowed.test", "/org/a")), StartsWith("HTTP/1.1 502 "));
  EXPECT_THAT(Rows().back().detail, HasSubstr("certificate"));
}

TEST_F(InspectTest, AClientThatDoesNotTrustTheAuthorityIsTold) {
  const auto stranger = net::MakeTestCertificate("DNS:x.test");
  trust_ = *net::TlsContext::MakeClient(WriteFile(directory_ + "/other.pem", stranger.ca_pem));
  Start();
  GoTo("allowed.test", 443);
  EXPECT_THAT(Send("allowed.test", Get("allowed.test", "/org/a")), HasSubstr("cannot be trusted"));
  EXPECT_EQ(Rows().back().reason, "client_distrusts");
  EXPECT_TRUE(resolved_.empty());
}

TEST_F(InspectTest, TheRootStaysTheSameAndItsKeyIsForItsOwnerAlone) {
  const std::string before = authority_->root_pem();
  authority_ = *Authority::Open(directory_);
  EXPECT_EQ(authority_->root_pem(), before);
  struct stat info{};
  ASSERT_EQ(stat((directory_ + "/ca.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(InspectTest, ABrokenRootIsAnErrorAndIsNotReplaced) {
  WriteFile(directory_ + "/ca.key", "nothing");
  const auto opened = Authority::Open(directory_);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message(), HasSubstr("remove both"));
}

TEST_F(InspectTest, LeavesAreKeptAndBounded) {
  SandboxCertificates certificates(*authority_, "box");
  const auto first = *certificates.ContextFor("a.test");
  EXPECT_EQ(*certificates.ContextFor("a.test"), first);
  EXPECT_NE(*certificates.ContextFor("b.test"), first);
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(certificates.ContextFor("h" + std::to_string(i) + ".test"));
  }
  EXPECT_NE(*certificates.ContextFor("a.test"), first);
}

}  // namespace
}  // namespace cove::gateway
