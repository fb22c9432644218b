// Goal: secrets pass through the whole door: opened TLS, the request with the value in it, the
// answer without it, the audit with the name only, and every other host without any.
// Method: the gateway of inspect_fake.h between a TLS client and our own HTTPS server that keeps
// what it was sent and answers with it.
#include <gmock/gmock.h>

#include "codec/base64.h"
#include "codec/event_stream.h"
#include "gateway/inspect_fake.h"
#include "http/websocket.h"

namespace cove::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kPlaceholder[] = "dtn_secret_0123456789abcdef";
constexpr char kValue[] = "the-real-value-of-it";

// gzip of one block that is stored as it is (RFC 1951 section 3.2.4, RFC 1952).
std::string Packed(const std::string& text) {
  const auto number = [](size_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
    return out;
  };
  return std::string("\x1f\x8b\x08\0\0\0\0\0\0\x03\x01", 11) + number(text.size(), 2) +
         number(~text.size(), 2) + text + number(codec::Crc32(text), 4) + number(text.size(), 4);
}

class SecretRequestsTest : public OpenedTlsTest {
 protected:
  void SetUp() override {
    OpenedTlsTest::SetUp();
    if (HasFatalFailure()) return;
    SetRules({"allowed.test", "second.test"});
    Give("");
    deps_.credentials = [this](const SandboxId&) { return credentials_; };
  }
  void Give(std::string_view header, std::vector<std::string> attached = {"api"},
            std::string_view scope = "allow=\"allowed.test\"") {
    Credential one;
    one.name = "api";
    one.placeholder = kPlaceholder;
    one.value = kValue;
    one.header = *CredentialHeader::Parse(header);
    one.scope = *policy::ParseToml(scope, "test", policy::Layer::kNone);
    auto vault = std::make_shared<Vault>();
    (*vault)["api"] = std::make_shared<const Credential>(std::move(one));
    credentials_ = std::make_shared<Credentials>(std::move(vault), std::move(attached));
  }

  // A WebSocket server that tells all that it was asked with, as some do.
  static Task<void> Socket(SecretRequestsTest* t, http::Exchange& exchange) {
    const std::string login(t->seen_.headers.Get("authorization").value_or("none"));
    http::ResponseHead head;
    head.status = 101;
    head.headers.Add("Upgrade", "websocket");
    head.headers.Add("X-Echo", login);
    head.headers.Add("Sec-WebSocket-Accept",
                     http::AcceptKey(t->seen_.headers.Get("sec-websocket-key").value_or("")));
    head.headers.Add("Sec-WebSocket-Protocol",
                     std::string(t->seen_.headers.Get("sec-websocket-protocol").value_or("")));
    auto stream = co_await exchange.TakeOver(std::move(head));
    if (!stream) co_return;
    (void)co_await (*stream)->Write("hello ");
    std::vector<char> buffer(64);
    (void)co_await (*stream)->Read(buffer);
    (void)co_await (*stream)->Write(login.substr(0, 12));
    (void)co_await (*stream)->Write(login.substr(12) + " and more");
  }
  static Task<void> Keep(SecretRequestsTest* t, http::Exchange& exchange) {
    t->seen_ = exchange.request();
    t->seen_length_ = exchange.body().length();
    auto body = co_await http::ReadAll(exchange.body(), 1 << 22);
    t->seen_body_ = body ? *body : "cut";
    http::ResponseHead head;
    if (t->seen_.target == "/ws") co_return co_await Socket(t, exchange);
    head.headers.Add("X-Echo", std::string(t->seen_.headers.Get("authorization").value_or("none")));
    const size_t query = t->seen_.target.find('?');
    head.headers.Add(
        "Location",
        "https://second.test/" + (query == std::string::npos ? "" : t->seen_.target.substr(query)));
    std::string all = "got " + t->seen_.target + " " + t->seen_body_;
    for (const auto& [name, value] : t->seen_.headers) all += "\n" + name + ": " + value;
    if (!t->kept_.empty()) all += "\nkept: " + t->kept_;
    // Whatever was asked for.
    const bool cut = t->seen_.target == "/cut";
    if (t->seen_.target == "/packed" || cut) {
      head.headers.Add("Content-Encoding", "gzip");
      all = Packed(all);
      if (cut) all.resize(all.size() - 3);
    }
    if (t->seen_.target == "/part") head.status = 206;
    if (t->seen_.target == "/other") head.headers.Add("Content-Encoding", "br");
    (void)co_await exchange.Respond(std::move(head), std::move(all));
  }
  static Task<void> ServeOne(SecretRequestsTest* t, net::Listener& listener, bool tls) {
    auto fd = co_await listener.Accept();
    if (!fd) co_return;
    net::StreamPtr stream = std::make_unique<SocketStream>(*std::move(fd));
    if (tls) {
      auto accepted = co_await net::TlsAccept(t->server_tls_, std::move(stream), Now() + 2s);
      if (!accepted) co_return;
      stream = *std::move(accepted);
    }
    const auto keep = [t](http::Exchange& exchange) { return Keep(t, exchange); };
    http::Server server(keep);
    co_await server.ServeConnection(std::move(stream), "test");
  }
  static Task<std::string> Talk(SecretRequestsTest* t, std::string name, uint16_t port,
                                std::string bytes) {
    net::Listener listener(*net::ListenTcp(*SocketAddress::FromIp(kServerIp, port)));
    async::TaskGroup group;
    group.Spawn(ServeOne(t, listener, port == 443));
    co_return co_await Ask(t->tcp_, t->trust_, port == 443 ? std::move(name) : "",
                           std::move(bytes));
  }
  std::string Send(std::string name, std::string bytes, uint16_t port = 443) {
    GoTo(name, port);
    return loop_.RunUntil(Talk(this, name, port, std::move(bytes)));
  }
  static std::string Request(std::string_view start, std::string_view host,
                             std::string_view fields = "", std::string_view body = "") {
    std::string out = std::string(start) + " HTTP/1.1\r\nHost: " + std::string(host) +
                      "\r\nConnection: close\r\n" + std::string(fields);
    if (!body.empty()) out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return out + "\r\n" + std::string(body);
  }
  std::string AuditText() {
    std::string out;
    for (const auto& row : Rows()) out += audit::WriteLine(row, audit::kGenesis) + "\n";
    return out;
  }

  std::shared_ptr<const Credentials> credentials_;
  http::RequestHead seen_;
  std::optional<uint64_t> seen_length_;
  std::string seen_body_;
  std::string kept_;  // what the server has stored and tells whoever asks
};

const std::string kBearer = std::string("Authorization: Bearer ") + kPlaceholder + "\r\n";

TEST_F(SecretRequestsTest, ItsHostGetsTheValueAndTheSandboxNeverSeesIt) {
  Start();
  const std::string answer = Send(
      "allowed.test", Request(std::string("GET /x?k=") + kPlaceholder, "allowed.test", kBearer));
  EXPECT_EQ(seen_.headers.Get("authorization"), std::string("Bearer ") + kValue);
  EXPECT_EQ(seen_.target, std::string("/x?k=") + kValue);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr(std::string("X-Echo: Bearer ") + kPlaceholder));
  EXPECT_THAT(answer, HasSubstr(std::string("https://second.test/?k=") + kPlaceholder));
  EXPECT_THAT(answer, HasSubstr(std::string("got /x?k=") + kPlaceholder));
  EXPECT_THAT(answer, Not(HasSubstr(kValue)));
  EXPECT_EQ(Rows().front().secrets, "api");
  EXPECT_EQ(Rows().back().secrets, "api");
  EXPECT_EQ(Rows().front().path, "/x");
  EXPECT_THAT(AuditText(), Not(HasSubstr(kValue)));
}

TEST_F(SecretRequestsTest, WhatTheServerKeptIsHiddenInAnswersToRequestsThatHaveNoSecret) {
  Give("", {"api"}, "[[rule]]\nallow=\"allowed.test\"\nmethods=[\"POST\"]\npaths=[\"/api/**\"]");
  Start();
  Send("allowed.test",
       Request("POST /api/notes", "allowed.test", "Content-Type: text/plain\r\n", kPlaceholder));
  ASSERT_EQ(seen_body_, kValue);
  kept_ = seen_body_;
  const std::string answer = Send("allowed.test", Request("GET /notes/1", "allowed.test", kBearer));
  EXPECT_EQ(seen_.headers.Get("authorization"), std::string("Bearer ") + kPlaceholder);
  EXPECT_THAT(answer, HasSubstr(std::string("kept: ") + kPlaceholder));
  EXPECT_THAT(answer, Not(HasSubstr(kValue)));
  EXPECT_EQ(Rows().back().secrets, "");
}

TEST_F(SecretRequestsTest, WhatARuleGaveToOtherRequestsIsHiddenToo) {
  Give("bearer", {});
  SetDocument(
      "[[rule]]\nallow=\"allowed.test\"\nmethods=[\"POST\"]\ninspect=true\ncredential=\"api\"\n"
      "[[rule]]\nallow=\"allowed.test\"\nmethods=[\"GET\"]\ninspect=true\n");
  Start();
  Send("allowed.test", Request("POST /notes", "allowed.test", "", "x"));
  ASSERT_EQ(seen_.headers.Get("authorization"), std::string("Bearer ") + kValue);
  kept_ = kValue;
  const std::string answer = Send("allowed.test", Request("GET /notes/1", "allowed.test"));
  EXPECT_EQ(seen_.headers.Get("authorization"), std::nullopt);
  EXPECT_THAT(answer, HasSubstr(std::string("kept: ") + kPlaceholder));
}

TEST_F(SecretRequestsTest, AWebSocketServerThatRepeatsTheSecretIsCutBeforeItIsSeen) {
  Start();
  const std::string answer =
      Send("allowed.test",
           std::string("GET /ws HTTP/1.1\r\nHost: allowed.test\r\nConnection: Upgrade\r\n"
                       "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                       "Sec-WebSocket-Extensions: permessage-deflate\r\n"
                       "Sec-WebSocket-Protocol: ") +
               kPlaceholder + "\r\n" + kBearer + "\r\nnow");
  EXPECT_EQ(seen_.headers.Get("authorization"), std::string("Bearer ") + kValue);
  EXPECT_EQ(seen_.headers.Get("sec-websocket-protocol"), kPlaceholder);
  EXPECT_FALSE(seen_.headers.Has("sec-websocket-extensions"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 101 "));
  EXPECT_THAT(answer, HasSubstr(std::string("X-Echo: Bearer ") + kPlaceholder));
  EXPECT_THAT(answer, HasSubstr("hello "));
  EXPECT_THAT(answer, Not(HasSubstr(kValue)));
  EXPECT_THAT(answer, Not(HasSubstr("and more")));
  EXPECT_EQ(Rows().back().reason, "secret_in_answer");
}

TEST_F(SecretRequestsTest, APairOfBasicThatTheSandboxMadeIsHiddenInAnswers) {
  Start();
  const auto pair = [](std::string_view with) {
    return codec::EncodeBase64("any:-" + std::string(with) + "-");
  };
  const std::string answer =
      Send("allowed.test",
           Request("GET /", "allowed.test", "Authorization: Basic " + pair(kPlaceholder) + "\r\n"));
  EXPECT_EQ(seen_.headers.Get("authorization"), "Basic " + pair(kValue));
  EXPECT_THAT(answer, HasSubstr("X-Echo: Basic " + pair(kPlaceholder)));
  EXPECT_THAT(answer, Not(HasSubstr(pair(kValue))));
}

TEST_F(SecretRequestsTest, ATraceWithASecretIsRefused) {
  Start();
  const std::string answer = Send("allowed.test", Request("TRACE /", "allowed.test", kBearer));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(answer, HasSubstr("method_not_supported"));
  EXPECT_EQ(seen_.method, "");
}

TEST_F(SecretRequestsTest, AnAnswerIsAskedForWholeBecauseAPartOfASecretCannotBeFound) {
  Start();
  Send("allowed.test",
       Request("GET /", "allowed.test", "Range: bytes=0-3\r\nIf-Range: \"x\"\r\n" + kBearer));
  EXPECT_EQ(seen_.headers.Get("authorization"), std::string("Bearer ") + kValue);
  EXPECT_FALSE(seen_.headers.Has("range"));
  EXPECT_FALSE(seen_.headers.Has("if-range"));
  const std::string answer = Send("allowed.test", Request("GET /part", "allowed.test", kBearer));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(answer, HasSubstr("secret_in_answer"));
  EXPECT_THAT(answer, Not(HasSubstr("got /part")));
}

TEST_F(SecretRequestsTest, AnotherHostIsNotOpenedAndGetsThePlaceholder) {
  SetDocument("allow=[\"allowed.test\"]\n[[rule]]\nallow=\"second.test\"\ninspect=true\n");
  Start();
  Send("second.test", Request(std::string("GET /?k=") + kPlaceholder, "second.test", kBearer));
  EXPECT_EQ(seen_.headers.Get("authorization"), std::string("Bearer ") + kPlaceholder);
  EXPECT_EQ(seen_.target, std::string("/?k=") + kPlaceholder);
}

TEST_F(SecretRequestsTest, ATunnelToAHostWithoutSecretsStaysOpaque) {
  Start();
  // The server's own certificate is seen, which the sandbox's authority did not sign.
  EXPECT_THAT(Send("second.test", Request("GET /", "second.test")), HasSubstr("certificate"));
}

TEST_F(SecretRequestsTest, PlainHttpCarriesThePlaceholder) {
  Start();
  Send("allowed.test", Request("GET /", "allowed.test", kBearer), 80);
  EXPECT_EQ(seen_.headers.Get("authorization"), std::string("Bearer ") + kPlaceholder);
}

TEST_F(SecretRequestsTest, ABodyIsReplacedAndItsLengthIsRight) {
  Start();
  const std::string body = std::string(R"({"key":")") + kPlaceholder + R"("})";
  const std::string answer =
      Send("allowed.test",
           Request("POST /", "allowed.test", "Content-Type: application/json\r\n", body));
  EXPECT_EQ(seen_body_, std::string(R"({"key":")") + kValue + R"("})");
  EXPECT_EQ(seen_length_, seen_body_.size());
  EXPECT_THAT(answer, Not(HasSubstr(kValue)));
  EXPECT_EQ(Rows().front().secrets, "") << "the body was not read when it was decided";
  EXPECT_EQ(Rows().back().secrets, "api") << "the closing record tells of it";
}

TEST_F(SecretRequestsTest, ABodyThatAsksForNoSecretHasNoneOnRecord) {
  Start();
  Send("allowed.test", Request("POST /", "allowed.test", "Content-Type: application/json\r\n",
                               R"({"key":"another"})"));
  EXPECT_EQ(seen_body_, R"({"key":"another"})");
  for (const auto& row : Rows()) EXPECT_EQ(row.secrets, "");
}

TEST_F(SecretRequestsTest, ABigBodyGoesInChunks) {
  Start();
  const std::string half(300 * 1024, 'x');
  Send("allowed.test", Request("POST /", "allowed.test", "Content-Type: text/plain\r\n",
                               half + kPlaceholder + half));
  EXPECT_EQ(seen_body_, half + kValue + half);
  EXPECT_FALSE(seen_length_.has_value());
}

TEST_F(SecretRequestsTest, WhatChangesChangesTheNextRequest) {
  Start();
  credentials_ = nullptr;
  SetDocument("[[rule]]\nallow=\"allowed.test\"\ninspect=true\n");
  Send("allowed.test", Request("GET /", "allowed.test", kBearer));
  EXPECT_EQ(seen_.headers.Get("authorization"), std::string("Bearer ") + kPlaceholder);
  Give("");
  Send("allowed.test", Request("GET /", "allowed.test", kBearer));
  EXPECT_EQ(seen_.headers.Get("authorization"), std::string("Bearer ") + kValue);
}

TEST_F(SecretRequestsTest, ARuleAddsASecretThatTheSandboxDoesNotHave) {
  Give("basic git", {});
  SetDocument(
      "[[rule]]\nallow=[\"allowed.test\",\"second.test\"]\ninspect=true\ncredential=\"api\"\n");
  Start();
  Send("allowed.test", Request("GET /repo.git", "allowed.test"));
  EXPECT_EQ(seen_.headers.Get("authorization"),
            "Basic " + codec::EncodeBase64(std::string("git:") + kValue));
  // Whatever else the program brings, its own placeholder in some other place too.
  Give("basic git", {"api"});
  Send("allowed.test",
       Request("GET /repo.git", "allowed.test",
               std::string("Authorization: Bearer theirs\r\nX-Any: ") + kPlaceholder + "\r\n"));
  EXPECT_EQ(seen_.headers.Get("authorization"),
            "Basic " + codec::EncodeBase64(std::string("git:") + kValue));
  Give("basic git", {});
  // The secret itself is not for the other host, whatever the rule says.
  seen_ = {};
  const std::string answer = Send("second.test", Request("GET /", "second.test"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(answer, HasSubstr("\"no_credential\""));
  EXPECT_EQ(seen_.target, "");
}

TEST_F(SecretRequestsTest, AnAnswerThatIsCompressedUnaskedIsReadOrRefused) {
  Start();
  const auto get = [this](const std::string& target, std::string_view fields) {
    return Send("allowed.test", Request("GET " + target, "allowed.test", fields));
  };
  const std::string answer = get("/packed", kBearer + "Accept-Encoding: gzip\r\n");
  EXPECT_EQ(seen_.headers.Get("accept-encoding"), "identity");
  EXPECT_THAT(answer, HasSubstr(std::string("Authorization: Bearer ") + kPlaceholder));
  EXPECT_THAT(answer, Not(HasSubstr(kValue)));
  EXPECT_THAT(answer, Not(HasSubstr("gzip")));
  // Not all of it: how it goes on is unknown, and the end must not look like one.
  EXPECT_THAT(get("/cut", kBearer), Not(HasSubstr("\r\n0\r\n")));
  EXPECT_EQ(Rows().back().reason, "broken");
  EXPECT_THAT(get("/other", kBearer), HasSubstr("\"reason\":\"secret_in_answer\""));
  EXPECT_EQ(Rows().back().reason, "secret_in_answer");
  // Where no secret could be, all comes as the server sent it.
  Give("", {});
  SetDocument("[[rule]]\nallow=\"allowed.test\"\ninspect=true");
  EXPECT_THAT(get("/packed", "Accept-Encoding: gzip\r\n"), HasSubstr("Content-Encoding: gzip"));
}

}  // namespace
}  // namespace cove::gateway
