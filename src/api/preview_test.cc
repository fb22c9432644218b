// Goal: a preview opens only to those who may see it, and nothing of ours reaches the inside.
// Method: the whole Api with a scripted toolbox that hands over a connection to the test.
#include "api/api_fixture_test.h"
#include "api/preview_auth.h"
#include "api/preview_page.h"

namespace cove::api {
namespace {

TEST(PreviewCookies, AreFoundAndTakenOut) {
  EXPECT_EQ(CookieValue("a=1; b=2", "b"), "2");
  EXPECT_EQ(CookieValue("ab=1", "b"), "");
  EXPECT_EQ(StripPreviewCookies("a=1; daytona-sandbox-auth-x=secret; b=2"), "a=1; b=2");
  EXPECT_EQ(StripPreviewCookies("daytona-sandbox-auth-x=secret"), "");
}

TEST(PreviewToken, IsTakenOutOfTheQuery) {
  EXPECT_EQ(StripPreviewToken("/p?a=1&DAYTONA_SANDBOX_AUTH_KEY=t&b=2"), "/p?a=1&b=2");
  EXPECT_EQ(StripPreviewToken("/p?DAYTONA_SANDBOX_AUTH%5FKEY=t"), "/p");
  EXPECT_EQ(StripPreviewToken("/p"), "/p");
}

TEST(PreviewPage, CannotBeWrittenInto) {
  EXPECT_EQ(EscapeHtml("<b a=\"&\">"), "&lt;b a=&quot;&amp;&quot;&gt;");
}

class PreviewTest : public ApiTest {
 protected:
  PreviewTest() {
    id_ = CreateBox();
    inside_->port = [this] {
      // A real TCP connection: the host accepts no other kind from a toolbox.
      const UniqueFd listener = *net::ListenTcp(*net::SocketAddress::FromIp("127.0.0.1", 0));
      const net::SocketAddress address = *net::LocalAddress(listener.get());
      UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      EXPECT_EQ(::connect(client.get(), address.get(), address.size), 0);
      UniqueFd server;
      while (!server) server.Reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      server_ = std::make_unique<net::SocketStream>(std::move(server));
      serving_.Spawn(Serve());
      return client;
    };
  }
  Task<void> Serve() {
    std::vector<char> buffer(64 * 1024);
    while (received_.find("\r\n\r\n") == std::string::npos) {
      auto n = co_await server_->Read(buffer);
      if (!n || *n == 0) co_return;
      received_.append(buffer.data(), *n);
    }
    (void)co_await server_->Write(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-App: yes\r\nConnection: close\r\n\r\nhi");
  }
  std::unique_ptr<FakeExchange> Ask(std::string target, http::Headers extra,
                                    std::string label = {}) {
    auto exchange = std::make_unique<FakeExchange>("GET", std::move(target));
    if (label.empty()) label = id_;
    exchange->headers().Set("Host", "3000-" + label + ".localhost:3986");
    for (const auto& [name, value] : extra) exchange->headers().Add(name, value);
    Handle(*exchange);
    return exchange;
  }
  std::string Token() {
    return *json::GetString(Json(*Send("GET", "/api/sandbox/" + id_ + "/ports/3000/preview-url")),
                            "token");
  }

  std::string id_;
  std::string received_;
  net::StreamPtr server_;
  async::TaskGroup serving_;
};

TEST_F(PreviewTest, IsClosedToStrangers) {
  EXPECT_EQ(Ask("/", {})->answer.status, 401);
  EXPECT_EQ(Ask("/", {{"X-Daytona-Preview-Token", "wrong"}})->answer.status, 401);
  EXPECT_EQ(Ask("/", {{"Cookie", "daytona-sandbox-auth-" + id_ + "=9999999999.x"}})->answer.status,
            401);
  EXPECT_EQ(Ask("/", {}, "abcdefghijklmnop")->answer.status, 401);
  const auto page = Ask("/", {{"Accept", "text/html"}});
  EXPECT_NE(page->text.find("<h1>401"), std::string::npos);
  EXPECT_TRUE(received_.empty());
}

TEST_F(PreviewTest, ATokenOpensItAndStaysOutside) {
  const auto answer = Ask("/x?y=1", {{"X-Daytona-Preview-Token", Token()}, {"X-Mine", "kept"}});
  ASSERT_EQ(answer->answer.status, 200) << answer->text;
  EXPECT_EQ(answer->text, "hi");
  EXPECT_EQ(answer->answer.headers.Get("X-App"), "yes");
  EXPECT_TRUE(received_.starts_with("GET /x?y=1 HTTP/1.1\r\nHost: localhost:3000\r\n"))
      << received_;
  EXPECT_NE(received_.find("X-Mine: kept"), std::string::npos);
  EXPECT_NE(received_.find("X-Forwarded-Host: 3000-" + id_), std::string::npos);
  EXPECT_EQ(received_.find(Token()), std::string::npos);
}

TEST_F(PreviewTest, AKeyOpensItAndStaysOutside) {
  const auto answer = Ask("/", {{"Authorization", "Bearer " + key_}});
  EXPECT_EQ(answer->answer.status, 200) << answer->text;
  EXPECT_EQ(received_.find(key_), std::string::npos);
}

TEST_F(PreviewTest, AKeyOpensItWithTheScopeOfSandboxesOnly) {
  const auto ask = [this](std::string scope) {
    return Ask("/", {{"Authorization", "Bearer " + KeyWith({std::move(scope)})}});
  };
  const auto refused = ask("read:audit_logs");
  EXPECT_EQ(refused->answer.status, 403);
  EXPECT_NE(refused->text.find("lacks the scope write:sandboxes"), std::string::npos)
      << refused->text;
  EXPECT_EQ(received_, "");
  EXPECT_EQ(ask("write:sandboxes")->answer.status, 200);
}

TEST_F(PreviewTest, ATokenInTheQueryEarnsACookie) {
  const auto first = Ask("/?DAYTONA_SANDBOX_AUTH_KEY=" + Token(), {});
  ASSERT_EQ(first->answer.status, 200) << first->text;
  EXPECT_TRUE(received_.starts_with("GET / HTTP/1.1\r\n")) << received_;
  const std::string set(first->answer.headers.Get("Set-Cookie").value_or(""));
  EXPECT_NE(set.find("HttpOnly"), std::string::npos);
  received_.clear();
  const auto second = Ask("/", {{"Cookie", set.substr(0, set.find(';')) + "; own=1"}});
  ASSERT_EQ(second->answer.status, 200) << second->text;
  EXPECT_NE(received_.find("Cookie: own=1\r\n"), std::string::npos) << received_;
}

TEST_F(PreviewTest, ASignedLinkOpensItsPortOnly) {
  const auto link = Json(*Send("GET", "/api/sandbox/" + id_ + "/ports/3000/signed-preview-url"));
  const std::string token = *json::GetString(link, "token");
  EXPECT_EQ(json::GetString(link, "url"), "http://3000-" + token + ".localhost:3986");
  EXPECT_EQ(Ask("/", {}, token)->answer.status, 200);
  FakeExchange other("GET", "/");
  other.headers().Set("Host", "3001-" + token + ".localhost:3986");
  Handle(other);
  EXPECT_EQ(other.answer.status, 401);
  EXPECT_EQ(
      Send("POST", "/api/sandbox/" + id_ + "/ports/3000/signed-preview-url/" + token + "/expire")
          ->answer.status,
      200);
  EXPECT_EQ(Ask("/", {}, token)->answer.status, 401);
}

TEST_F(PreviewTest, APortWithoutAServerIsABadGatewayThatSaysSo) {
  inside_->port = nullptr;
  inside_->replies[FakeToolbox::Type::kPortConnect] = {
      FakeToolbox::Failure(Code::kUnavailable, "connection refused")};
  const auto answer = Ask("/", {{"X-Daytona-Preview-Token", Token()}});
  EXPECT_EQ(answer->answer.status, 502);
  EXPECT_NE(answer->text.find("port 3000"), std::string::npos) << answer->text;
}

TEST_F(PreviewTest, AStoppedSandboxIsAConflict) {
  const std::string token = Token();
  Send("POST", "/api/sandbox/" + id_ + "/stop");
  EXPECT_EQ(Ask("/", {{"Authorization", "Bearer " + key_}})->answer.status, 409);
}

}  // namespace
}  // namespace cove::api
