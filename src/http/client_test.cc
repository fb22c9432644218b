// Goal: the client and the server agree on every kind of body under back-pressure, connections are
// used again only when that is safe, and no wait is unbounded.
// Method: our own server on loopback, and scripted peers through the dialer.
#include "http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/server.h"
#include "net/script_stream.h"

namespace cove::http {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(UrlTest, ParsesWhatAClientNeeds) {
  auto url = Url::Parse("HTTPS://Example.COM/a/b?c=d#frag");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme + "|" + url->host + "|" + std::to_string(url->port) + "|" + url->target,
            "https|example.com|443|/a/b?c=d");
  EXPECT_EQ(url->HostHeader(), "example.com");
  EXPECT_EQ(Url::Parse("http://[::1]:81?q")->HostHeader(), "[::1]:81");
  EXPECT_EQ(Url::Parse("http://[::1]:81?q")->target, "/?q");
  EXPECT_EQ(Url::Parse("http://h:80")->HostHeader(), "h");
  auto local = Url::Parse("unix:/run/x.sock:/v1/y");
  ASSERT_TRUE(local);
  EXPECT_EQ(local->host + " " + local->target, "/run/x.sock /v1/y");
  for (const char* bad :
       {"", "x", "ftp://a", "http://", "http://a:0", "http://a:99999", "http://a:b", "http://::1/",
        "http://[::1", "http://[x]/", "http://u@a/", "http://a b/", "http://a/b c",
        "http://a/\r\nX: y", "http://a:1:2/", "unix:", "unix:/a:b"}) {
    EXPECT_FALSE(Url::Parse(bad)) << bad;
  }
}

// A body of `size` letters, chunked or with its length.
class Letters final : public BodyReader {
 public:
  Letters(size_t size, bool sized) : left_(size), size_(size), sized_(sized) {}
  Task<Result<size_t>> Read(std::span<char> buffer) override {
    const size_t n = std::min({buffer.size(), left_, size_t{12'345}});
    for (size_t i = 0; i < n; ++i) buffer[i] = static_cast<char>('a' + (left_ - i) % 26);
    left_ -= n;
    co_return n;
  }
  std::optional<uint64_t> length() const override {
    return sized_ ? std::optional<uint64_t>(size_) : std::nullopt;
  }

 private:
  size_t left_;
  size_t size_;
  bool sized_;
};

Task<void> Handle(Exchange& x) {
  const std::string path(x.request().RawPath());
  if (path == "/echo" || path == "/echo-chunked") {
    ResponseHead head{200, {}};
    if (path == "/echo" && x.body().length()) {
      head.headers.Add("Content-Length", std::to_string(*x.body().length()));
    }
    auto writer = co_await x.StartResponse(head);
    std::vector<char> buffer(30'000);
    for (;;) {
      auto n = co_await x.body().Read(buffer);
      if (!n || !writer) co_return;
      if (*n == 0) break;
      if (!co_await (*writer)->Write({buffer.data(), *n})) co_return;
    }
    (void)co_await (*writer)->Finish();
  } else if (path == "/refuse") {
    (void)co_await x.Respond({413, {}}, "too much");
  } else if (path == "/upgrade") {
    auto stream = co_await x.TakeOver({101, {{"Upgrade", "raw"}}});
    if (stream) (void)co_await (*stream)->Write("hello");
  } else if (path == "/slow") {
    co_await async::Sleep(5s);
  } else {
    const int status = path == "/none" ? 204 : 200;
    (void)co_await x.Respond({status, {{"X-Peer", x.peer()}}}, x.request().method);
  }
}

// A server on loopback and a client.
struct World {
  async::Loop loop;
  async::ThreadPool pool{1};
  net::Listener listener{*net::ListenTcp(*net::SocketAddress::FromIp("127.0.0.1", 0))};
  std::string base = "http://127.0.0.1:" + std::to_string(net::LocalAddress(listener.fd())->port());
  Server server{&Handle};
  Client client{pool};
  async::TaskGroup tasks;

  static Task<void> Accept(Server& server, net::Listener& listener) {
    (void)co_await server.Serve(listener);
  }
  World() { tasks.Spawn(Accept(server, listener)); }
  ClientRequest Request(std::string method, std::string path) {
    ClientRequest request;
    request.method = std::move(method);
    request.url = *Url::Parse(base + path);
    request.head_deadline = Now() + 10s;
    return request;
  }
};

struct Answer {
  ResponseHead head;
  std::string body;
};

Task<Result<Answer>> Fetch(Client& client, ClientRequest request) {
  CO_ASSIGN_OR_RETURN(auto response, co_await client.Send(std::move(request)));
  CO_ASSIGN_OR_RETURN(std::string body, co_await ReadAll(response->body(), 100 << 20));
  co_return Answer{response->head(), std::move(body)};
}

std::string PeerOf(const Answer& answer) {
  return std::string(answer.head.headers.Get("X-Peer").value_or(""));
}

TEST(ClientTest, UsesAConnectionAgain) {
  World w;
  std::string peer;
  for (const char* method : {"GET", "HEAD", "POST", "DELETE"}) {
    auto answer = w.loop.RunUntil(Fetch(w.client, w.Request(method, "/")));
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->body, std::string(method) == "HEAD" ? "" : method);
    if (peer.empty()) peer = PeerOf(*answer);
    EXPECT_EQ(PeerOf(*answer), peer);
    EXPECT_EQ(w.client.idle_connections(), 1u);
  }
  auto none = w.loop.RunUntil(Fetch(w.client, w.Request("GET", "/none")));
  ASSERT_TRUE(none);
  EXPECT_EQ(none->head.status, 204);
  EXPECT_EQ(PeerOf(*none), peer);
}

TEST(ClientTest, StreamsEightMegabytesBothWaysChunkedOrSized) {
  World w;
  constexpr size_t kSize = 8 << 20;
  for (const bool sized : {false, true}) {
    for (const char* path : {"/echo", "/echo-chunked"}) {
      Letters letters(kSize, sized);
      auto request = w.Request("POST", path);
      request.stream = &letters;
      auto answer = w.loop.RunUntil(Fetch(w.client, std::move(request)));
      ASSERT_TRUE(answer) << answer.error().message();
      ASSERT_EQ(answer->body.size(), kSize);
      EXPECT_EQ(answer->body[kSize - 1], 'a' + 1);
      EXPECT_EQ(w.client.idle_connections(), 1u);
    }
  }
  auto whole = w.Request("POST", "/echo");
  whole.body.assign(kSize, 'x');
  auto answer = w.loop.RunUntil(Fetch(w.client, std::move(whole)));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->body.size(), kSize);
}

TEST(ClientTest, ReadsAnEarlyAnswerThoughTheBodyIsNotTaken) {
  World w;
  auto request = w.Request("POST", "/refuse");
  request.body.assign(32 << 20, 'x');
  auto answer = w.loop.RunUntil(Fetch(w.client, std::move(request)));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->head.status, 413);
  EXPECT_EQ(answer->body, "too much");
  EXPECT_EQ(w.client.idle_connections(), 0u);
}

Task<std::string> Upgrade(Client& client, ClientRequest request) {
  auto response = co_await client.Send(std::move(request));
  if (!response) co_return response.error().message();
  auto stream = (*response)->TakeStream();
  if (stream == nullptr) co_return "no stream";
  char buffer[16];
  auto n = co_await stream->Read(buffer);
  co_return n ? std::string(buffer, *n) : n.error().message();
}

TEST(ClientTest, HandsOverAnUpgradedConnection) {
  World w;
  auto request = w.Request("GET", "/upgrade");
  request.headers.Add("Connection", "Upgrade");
  request.headers.Add("Upgrade", "raw");
  EXPECT_EQ(w.loop.RunUntil(Upgrade(w.client, std::move(request))), "hello");
  EXPECT_EQ(w.loop.RunUntil(Upgrade(w.client, w.Request("GET", "/"))), "no stream");
}

TEST(ClientTest, TheHeadHasADeadline) {
  World w;
  auto request = w.Request("GET", "/slow");
  request.head_deadline = Now() + 30ms;
  auto answer = w.loop.RunUntil(Fetch(w.client, std::move(request)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Code::kTimeout);
}

TEST(ClientTest, IdleConnectionsExpire) {
  World w;
  ClientLimits limits;
  limits.idle_timeout = 20ms;
  Client client(w.pool, nullptr, limits);
  ASSERT_TRUE(w.loop.RunUntil(Fetch(client, w.Request("GET", "/"))));
  EXPECT_EQ(client.idle_connections(), 1u);
  w.loop.RunUntil([](Client* c) -> Task<void> {
    const TimePoint end = Now() + 10s;
    while (c->idle_connections() != 0 && Now() < end) co_await async::Sleep(1ms);
  }(&client));
  EXPECT_EQ(client.idle_connections(), 0u);
}

TEST(ClientTest, AnUnreachableOriginIsUnavailable) {
  World w;
  auto request = w.Request("GET", "/");
  request.url.port = 1;
  auto answer = w.loop.RunUntil(Fetch(w.client, std::move(request)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Code::kUnavailable);
}

// A client whose connections are scripts, in the order given.
struct Scripted {
  async::Loop loop;
  async::ThreadPool pool{1};
  Client client{pool};
  std::vector<std::shared_ptr<net::Script>> scripts;
  size_t dialed = 0;

  static Task<Result<net::StreamPtr>> Dial(Scripted* self) {
    if (self->dialed == self->scripts.size()) co_return Error(Code::kUnavailable, "no more");
    co_return std::make_unique<net::ScriptStream>(self->scripts[self->dialed++]);
  }
  Scripted() {
    client.set_dialer([this](Url, TimePoint) { return Dial(this); });
  }
  std::shared_ptr<net::Script> Add(std::string answer, bool end = false) {
    scripts.push_back(std::make_shared<net::Script>());
    scripts.back()->Feed(std::move(answer));
    scripts.back()->ended = end;
    return scripts.back();
  }
  Result<Answer> Fetch(std::string method, std::string body = "", Duration body_timeout = 10s) {
    ClientRequest request;
    request.method = std::move(method);
    request.url = *Url::Parse("http://h/p");
    request.body = std::move(body);
    request.body_timeout = body_timeout;
    request.head_deadline = Now() + 10s;
    return loop.RunUntil(http::Fetch(client, std::move(request)));
  }
};

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// Makes a pooled connection of `script` look alive but end when it is read.
class Treacherous final : public net::ByteStream {
 public:
  explicit Treacherous(std::shared_ptr<net::Script> script) : inner_(std::move(script)) {}
  Task<Result<size_t>> Read(std::span<char> buffer) override { return inner_.Read(buffer); }
  Task<Result<void>> Write(std::string_view bytes) override { return inner_.Write(bytes); }
  Task<Result<void>> CloseWrite() override { return inner_.CloseWrite(); }
  bool LooksIdle() override { return true; }

 private:
  net::ScriptStream inner_;
};

Task<Result<net::StreamPtr>> DialTreacherous(Scripted* s) {
  co_return std::make_unique<Treacherous>(s->scripts[s->dialed++]);
}

TEST(ClientPoolTest, TriesAStaleConnectionAgainOnlyWhenThatIsHarmless) {
  for (const auto& [method, dials] : {std::pair{"GET", 2u}, std::pair{"POST", 1u}}) {
    Scripted s;
    s.client.set_dialer([&s](Url, TimePoint) { return DialTreacherous(&s); });
    s.Add(kOk, true);
    s.Add(kOk);
    ASSERT_TRUE(s.Fetch("GET"));
    auto second = s.Fetch(method, std::string(method) == "POST" ? "x" : "");
    EXPECT_EQ(second.ok(), dials == 2) << method;
    EXPECT_EQ(s.dialed, dials) << method;
    if (!second) {
      EXPECT_EQ(second.error().code(), Code::kClosed);
    }
  }
}

TEST(ClientPoolTest, WhatIsToGoOnceIsNotRepeatedWhateverItsFieldsSay) {
  for (const bool once : {false, true}) {
    Scripted s;
    s.client.set_dialer([&s](Url, TimePoint) { return DialTreacherous(&s); });
    s.Add(kOk, true);
    s.Add(kOk);
    ASSERT_TRUE(s.Fetch("GET"));
    ClientRequest request;
    request.method = "POST";
    request.url = *Url::Parse("http://h/p");
    request.headers.Add("Idempotency-Key", "k");
    request.body = "x";
    request.once = once;
    const auto answer = s.loop.RunUntil(Fetch(s.client, std::move(request)));
    EXPECT_EQ(answer.ok(), !once);
    EXPECT_EQ(s.dialed, once ? 1U : 2U);
  }
}

TEST(ClientPoolTest, DoesNotUseAConnectionThatIsVisiblyClosed) {
  Scripted s;
  s.Add(kOk, true);
  s.Add(kOk);
  ASSERT_TRUE(s.Fetch("POST", "a"));
  ASSERT_TRUE(s.Fetch("POST", "b"));
  EXPECT_EQ(s.dialed, 2u);
}

TEST(ClientPoolTest, KeepsOnlyConnectionsAtACleanEnd) {
  for (const char* answer : {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
                             "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
                             "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore"}) {
    Scripted s;
    s.Add(answer);
    auto got = s.Fetch("GET");
    ASSERT_TRUE(got) << answer;
    EXPECT_EQ(got->body, "ok");
    EXPECT_EQ(s.client.idle_connections(), 0u) << answer;
  }
}

TEST(ClientWireTest, ReadsEveryAnswerHoweverItIsCut) {
  const std::string answer =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n3;e\r\nay!\r\n0\r\n\r\n";
  for (size_t cut = 0; cut <= answer.size(); ++cut) {
    Scripted s;
    auto script = s.Add(answer.substr(0, cut));
    script->Feed(answer.substr(cut));
    auto got = s.Fetch("GET");
    ASSERT_TRUE(got) << cut << got.error().message();
    ASSERT_EQ(got->body, "okay!");
    ASSERT_EQ(s.client.idle_connections(), 1u);
    ASSERT_EQ(script->written, "GET /p HTTP/1.1\r\nHost: h\r\n\r\n");
  }
}

TEST(ClientWireTest, ACutBodyIsAnErrorAndAnOpenOneEndsWithTheConnection) {
  Scripted s;
  s.Add("HTTP/1.1 200 OK\r\n\r\nall of it", true);
  s.Add("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart", true);
  s.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n", true);
  s.Add("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
  s.Add("HTTP/1.1 200", true);
  s.Add("SSH-2.0\r\n");
  EXPECT_EQ(s.Fetch("GET")->body, "all of it");
  EXPECT_EQ(s.Fetch("GET").error().code(), Code::kClosed);
  EXPECT_EQ(s.Fetch("GET").error().code(), Code::kClosed);
  EXPECT_EQ(s.Fetch("GET", "", 50ms).error().code(), Code::kTimeout);
  EXPECT_EQ(s.Fetch("GET").error().code(), Code::kClosed);
  EXPECT_EQ(s.Fetch("GET").error().code(), Code::kInvalid);
  EXPECT_EQ(s.client.idle_connections(), 0u);
}

TEST(ClientWireTest, SendsLengthsAndRefusesForgedLines) {
  Scripted s;
  auto script = s.Add(kOk);
  ASSERT_TRUE(s.Fetch("POST"));
  EXPECT_EQ(script->written, "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(s.Fetch("GET / HTTP/1.1\r\nX:").error().code(), Code::kInvalid);
}

}  // namespace
}  // namespace cove::http
