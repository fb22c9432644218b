// Goal: a call finds its way to an answer past refused keys, providers that are down or overloaded
// and proxies, and is sent twice only where nothing was done.
// Method: providers that are http servers on loopback with scripted answers, all on one loop.
#include "bridge/upstream.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "async/timer.h"
#include "base/testing.h"
#include "http/server.h"
#include "net/test_certificate.h"

namespace cove::bridge {
namespace {

using async::Task;

struct Step {
  int status = 200;
  std::string body = "fine";
  std::string retry_after;
  bool cut = false;  // closes without an answer
};

Task<void> RunServer(http::Server* server, net::Listener* listener) {
  (void)co_await server->Serve(*listener);
}

// A provider: answers the steps in turn, the last one for ever.
class Origin {
 public:
  explicit Origin(std::vector<Step> steps)
      : steps_(std::move(steps)),
        server_([this](http::Exchange& x) { return Answer(x); }),
        listener_(*net::ListenTcp(*net::SocketAddress::FromIp("127.0.0.1", 0))) {
    group_.Spawn(RunServer(&server_, &listener_));
  }
  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(net::LocalAddress(listener_.fd())->port()) + "/v1";
  }
  const std::vector<std::string>& keys() const { return keys_; }  // of the requests, in turn
  const http::RequestHead& last() const { return last_; }

 private:
  Task<void> Answer(http::Exchange& x) {
    last_ = x.request();
    keys_.emplace_back(x.request().headers.Get("authorization").value_or(""));
    (void)co_await http::ReadAll(x.body(), 1 << 20);
    const Step step = steps_[std::min(keys_.size(), steps_.size()) - 1];
    if (step.cut) {
      auto writer = co_await x.StartResponse({step.status, {{"Content-Length", "100"}}});
      if (writer) (void)co_await (*writer)->Write("half");
      co_return;
    }
    http::ResponseHead head;
    head.status = step.status;
    if (!step.retry_after.empty()) head.headers.Set("Retry-After", step.retry_after);
    (void)co_await x.Respond(std::move(head), step.body);
  }

  std::vector<Step> steps_;
  std::vector<std::string> keys_;
  http::RequestHead last_;
  http::Server server_;
  net::Listener listener_;
  async::TaskGroup group_;
};

Provider At(std::string name, const std::string& url, int keys = 1) {
  Provider out;
  out.name = std::move(name);
  out.base = *http::Url::Parse(url);
  for (int i = 1; i <= keys; ++i) {
    out.keys.push_back({Secret("key" + std::to_string(i)), std::to_string(i)});
  }
  return out;
}

struct Outcome {
  int status = 0;
  std::string body;
  std::string code;  // of a refusal
  std::optional<seconds> retry_after;
  int last_status = 0;
  std::string provider;
  std::string key;
};

Task<Outcome> Ask(Upstream* upstream, std::string name, http::RequestHead head, Outgoing::From from,
                  Gone gone) {
  Outgoing call;
  call.provider = upstream->Find(name);
  call.target = "/responses";
  call.agent = &head;
  call.body = "{}";
  call.model = "m";
  call.from = from;
  call.gone = std::move(gone);
  Outcome out;
  Sent sent = co_await upstream->Send(std::move(call));
  out.provider = sent.provider->name;
  out.key = sent.key_hint;
  if (sent.response == nullptr) {
    out.status = sent.refusal.status;
    out.code = sent.refusal.code;
    out.retry_after = sent.refusal.retry_after;
    out.last_status = sent.last_status;
    co_return out;
  }
  out.status = sent.response->head().status;
  auto body = co_await http::ReadAll(sent.response->body(), 1 << 20);
  out.body = body ? *body : "cut";
  co_return out;
}

class UpstreamTest : public testing::Test {
 protected:
  Upstream& Use(std::vector<Provider> providers, BreakerSettings breaker = {}) {
    upstream_ = std::make_unique<Upstream>(std::move(providers), pool_, nullptr, breaker);
    return *upstream_;
  }
  Outcome Call(const std::string& name = "a", http::Headers headers = {},
               Outgoing::From from = Outgoing::From::kSandbox, Gone gone = {}) {
    return loop_.RunUntil(Ask(upstream_.get(), name, {"POST", "/v1/responses", std::move(headers)},
                              from, std::move(gone)));
  }
  static Task<void> Pause(Duration d) { co_await async::Sleep(d); }

  async::Loop loop_;
  async::ThreadPool pool_{1};
  std::unique_ptr<Upstream> upstream_;
};

TEST_F(UpstreamTest, TheNextKeyIsUsedWhereOneIsRefusedAndItIsKnownByItsHint) {
  for (const int status : {401, 403, 429}) {
    Origin origin({{status, "no"}, {200, "fine"}});
    Use({At("a", origin.url(), 3)});
    const Outcome first = Call();
    EXPECT_EQ(first.body, "fine");
    EXPECT_EQ(first.key, "2");
    EXPECT_EQ(origin.keys(), (std::vector<std::string>{"Bearer key1", "Bearer key2"}));
    EXPECT_EQ(Call().key, "2") << "the refused one is not tried first again";
  }
}

TEST_F(UpstreamTest, WhenEveryKeyIsRefusedTheAnswerIsTheProviders) {
  Origin origin({{401, "first"}, {401, "second"}});
  Use({At("a", origin.url(), 2)});
  const Outcome got = Call();
  EXPECT_EQ(got.status, 401);
  EXPECT_EQ(got.body, "second");
  EXPECT_EQ(origin.keys().size(), 2U);
}

TEST_F(UpstreamTest, OtherErrorsAreNotTriedWithAnotherKeyNorAgain) {
  for (const int status : {400, 404, 500, 502, 504}) {
    Origin origin({{status, "as it is", "1"}});
    Use({At("a", origin.url(), 2)});
    EXPECT_EQ(Call().body, "as it is");
    EXPECT_EQ(origin.keys().size(), 1U) << status;
  }
}

TEST_F(UpstreamTest, ARefusalThatSaysWhenToComeBackIsTriedAgainOnce) {
  Origin origin({{503, "later", "0"}, {200, "fine"}});
  Use({At("a", origin.url())});
  EXPECT_EQ(Call().body, "fine");
  Origin always({{529, "later", "0"}});
  Use({At("a", always.url())});
  EXPECT_EQ(Call().status, 529);
  EXPECT_EQ(always.keys().size(), 2U);
  Origin dated({{503, "later", "Fri, 31 Dec 1999 23:59:59 GMT"}, {200, "fine"}});
  Use({At("a", dated.url())});
  EXPECT_EQ(Call().body, "fine") << "that time has come";
  for (const char* no : {"", "6", "soon", "Tue, 31 Dec 2199 23:59:59 GMT"}) {
    Origin once({{429, "later", no}, {200, "fine"}});
    Use({At("a", once.url())});
    EXPECT_EQ(Call().body, "later") << no;
  }
}

TEST_F(UpstreamTest, ACallThatMayHaveArrivedIsNotSentAgain) {
  Origin fallback({{200, "other"}});
  Origin origin({{200, "", "", true}});
  Provider a = At("a", origin.url(), 2);
  a.fallback = "b";
  Use({a, At("b", fallback.url())});
  EXPECT_EQ(Call().body, "cut");
  EXPECT_EQ(origin.keys().size(), 1U);
  EXPECT_TRUE(fallback.keys().empty());
}

// Answers the first request of a connection; at the second it closes.
Task<void> AnswerFirsts(net::Listener* listener, int* requests) {
  for (;;) {
    auto fd = co_await listener->Accept();
    if (!fd) co_return;
    net::SocketStream stream(std::move(*fd));
    char buffer[4096];
    for (const bool first : {true, false}) {
      const auto n = co_await stream.Read(buffer);
      if (!n || *n == 0) break;
      ++*requests;
      if (first) {
        (void)co_await stream.Write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine");
      }
    }
  }
}

TEST_F(UpstreamTest, AnIdempotencyKeyOfTheAgentsLetsNoCallGoTwice) {
  net::Listener listener(*net::ListenTcp(*net::SocketAddress::FromIp("127.0.0.1", 0)));
  int requests = 0;
  async::TaskGroup group;
  group.Spawn(AnswerFirsts(&listener, &requests));
  Use({At("a", "http://127.0.0.1:" + std::to_string(net::LocalAddress(listener.fd())->port()))});
  const http::Headers named = {{"Idempotency-Key", "k"}};
  EXPECT_EQ(Call("a", named).body, "fine");
  EXPECT_EQ(Call("a", named).code, "cove_provider_unreachable")
      << "on the connection that was kept";
  EXPECT_EQ(requests, 2);
}

TEST_F(UpstreamTest, TheFallbackTakesWhatCannotBeReachedOrIsRefused) {
  Origin other({{200, "other"}});
  for (const std::string& url :
       {std::string("http://127.0.0.1:1/v1"), std::string("http://nowhere.invalid/v1")}) {
    Provider a = At("a", url);
    a.fallback = "b";
    a.retries = 0;
    Use({a, At("b", other.url())});
    const Outcome got = Call();
    EXPECT_EQ(got.body, "other");
    EXPECT_EQ(got.provider, "b");
  }
  Origin busy({{429, "busy"}});
  Provider a = At("a", busy.url(), 2);
  a.fallback = "b";
  Use({a, At("b", other.url())});
  EXPECT_EQ(Call().body, "other");
  EXPECT_EQ(busy.keys().size(), 2U) << "its other key first";
}

TEST_F(UpstreamTest, WhatCannotBeReachedIsToldInCovesWords) {
  Use({At("a", "http://127.0.0.1:1/v1")});
  const Outcome got = Call();
  EXPECT_EQ(got.status, 502);
  EXPECT_EQ(got.code, "cove_provider_unreachable");
}

TEST_F(UpstreamTest, InAStormOfRefusalsTheProviderIsLeftAlone) {
  for (const int status : {429, 503, 504, 529}) {
    Origin origin({{status, "storm"}});
    Use({At("a", origin.url())}, {5, seconds(600), seconds(30)});
    for (int i = 0; i < 5; ++i) EXPECT_EQ(Call().body, "storm") << status;
    for (int i = 0; i < 200; ++i) {
      const Outcome got = Call();
      ASSERT_EQ(got.status, 503);
      EXPECT_EQ(got.code, "cove_provider_resting");
      EXPECT_LE(got.retry_after.value_or(seconds(0)), seconds(30));
      EXPECT_GT(got.retry_after.value_or(seconds(0)), seconds(0));
    }
    EXPECT_EQ(origin.keys().size(), 5U);
  }
}

TEST_F(UpstreamTest, AfterARestOneCallTriesTheProvider) {
  constexpr Duration kRest = milliseconds(100);
  // The trial is refused: the provider is left alone again, so a second try is a rest later.
  Origin still({{503, "storm"}});
  Use({At("a", still.url())}, {5, seconds(600), kRest});
  for (int i = 0; i < 5; ++i) Call();
  loop_.RunUntil(Pause(kRest));
  const TimePoint tried = Now();
  EXPECT_EQ(Call().body, "storm");
  EXPECT_EQ(still.keys().size(), 6U);
  const bool resting = Call().code == "cove_provider_resting";
  EXPECT_TRUE(resting || Now() - tried >= kRest);

  Origin well({{503, "a"}, {503, "a"}, {503, "a"}, {503, "a"}, {503, "a"}, {200, "well"}});
  Use({At("a", well.url())}, {5, seconds(600), kRest});
  for (int i = 0; i < 5; ++i) Call();
  loop_.RunUntil(Pause(kRest));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Call().body, "well");
}

TEST_F(UpstreamTest, WhatAnAgentsOwnKeyMeetsClosesTheProviderToNobody) {
  const http::Headers own = {{"Authorization", "Bearer own"}};
  Origin origin(
      {{429, "a"}, {429, "a"}, {429, "a"}, {429, "a"}, {429, "a"}, {429, "a"}, {200, "fine"}});
  Provider a = At("a", origin.url());
  a.credentials = Credentials::kAgentFirst;
  Use({a});
  for (int i = 0; i < 6; ++i) EXPECT_EQ(Call("a", own).status, 429) << "nor to itself";
  EXPECT_EQ(Call("a").body, "fine");
  EXPECT_EQ(origin.keys().back(), "Bearer key1");
}

TEST_F(UpstreamTest, AnAgentsOwnKeyGoesToNoFallback) {
  const http::Headers own = {{"Authorization", "Bearer own"}};
  Origin busy({{503, "busy"}});
  Origin other({{200, "other"}});
  Provider a = At("a", busy.url());
  a.credentials = Credentials::kAgentFirst;
  a.fallback = "b";
  Provider b = At("b", other.url());
  b.credentials = Credentials::kAgentFirst;
  Use({a, b});
  EXPECT_EQ(Call("a", own).body, "other");
  EXPECT_EQ(busy.keys(), std::vector<std::string>{"Bearer own"});
  EXPECT_EQ(other.keys(), std::vector<std::string>{"Bearer key1"}) << "it has one of its own";
  b.keys.clear();
  Use({a, b});
  EXPECT_EQ(Call("a", own).body, "busy") << "who has none is passed over";
  EXPECT_EQ(other.keys().size(), 1U);
}

TEST_F(UpstreamTest, AProviderThatIsLeftAloneHasItsFallback) {
  Origin busy({{503, "busy"}});
  Origin other({{200, "other"}});
  Provider a = At("a", busy.url());
  a.fallback = "b";
  Use({a, At("b", other.url())});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Call().body, "other");
  EXPECT_EQ(busy.keys().size(), 5U);
}

TEST_F(UpstreamTest, TheAgentsOwnKeyIsUsedOnlyWhereThatIsSetAndOnlyFromASandbox) {
  const http::Headers own = {{"Authorization", "Bearer own"}};
  Origin origin({{200, "fine"}});
  Use({At("a", origin.url())});
  Call("a", own);
  EXPECT_EQ(origin.keys().back(), "Bearer key1");
  Provider a = At("a", origin.url());
  a.credentials = Credentials::kAgentFirst;
  Use({a});
  EXPECT_EQ(Call("a", own).key, "");
  EXPECT_EQ(origin.keys().back(), "Bearer own");
  Call("a", own, Outgoing::From::kOutside);
  EXPECT_EQ(origin.keys().back(), "Bearer key1");
  Call("a");
  EXPECT_EQ(origin.keys().back(), "Bearer key1");
  a.keys.clear();
  Upstream& keyless = Use({a});
  const http::RequestHead head{"POST", "/", own};
  EXPECT_FALSE(keyless.WhyNot(*keyless.Find("a"), head, Outgoing::From::kSandbox));
  EXPECT_EQ(keyless.WhyNot(*keyless.Find("a"), head, Outgoing::From::kOutside)->status, 401);
}

// A proxy that counts what it was asked for.
struct Proxy {
  std::vector<std::string> asked;
  int status = 200;
  Task<void> Answer(http::Exchange& x) {
    asked.push_back(x.request().target);
    if (status != 200) {
      (void)co_await x.Respond({status, {}}, "");
      co_return;
    }
    const auto port = ParsePort(x.request().target);
    auto to =
        co_await net::Connect(*net::SocketAddress::FromIp("127.0.0.1", port), Now() + seconds(5));
    auto from = co_await x.TakeOver({200, {}});
    net::PumpTotals totals;
    if (to && from) (void)co_await net::Pump(**from, **to, &totals);
  }
  static uint16_t ParsePort(const std::string& target) {
    return static_cast<uint16_t>(std::stoi(target.substr(target.rfind(':') + 1)));
  }
};

TEST_F(UpstreamTest, AProxyIsAskedForTheProviderByName) {
  Proxy proxy;
  http::Server server([&](http::Exchange& x) { return proxy.Answer(x); });
  net::Listener listener(*net::ListenTcp(*net::SocketAddress::FromIp("127.0.0.1", 0)));
  async::TaskGroup group;
  group.Spawn(RunServer(&server, &listener));
  Origin origin({{200, "fine"}});
  // The name is the proxy's to resolve: it does not exist here.
  const std::string port = origin.url().substr(origin.url().rfind(':') + 1);
  Provider a = At("a", "http://models.invalid:" + port);
  a.proxy = *http::Url::Parse("http://127.0.0.1:" +
                              std::to_string(net::LocalAddress(listener.fd())->port()));
  a.retries = 0;
  Use({a});
  EXPECT_EQ(Call().body, "fine");
  EXPECT_EQ(proxy.asked.at(0), "models.invalid:" + port.substr(0, port.find('/')));
  EXPECT_FALSE(origin.last().headers.Has("proxy-authorization"));
  upstream_.reset();
  proxy.status = 403;
  Use({a});
  EXPECT_EQ(Call().code, "cove_provider_unreachable");
}

TEST_F(UpstreamTest, AKeyIsExchangedInItsFileAndOneThatHasEndedIsNotSent) {
  Origin origin({{200, "fine"}});
  const TempDir dir;
  dir.File("key", "one\n");
  ProviderConfig config;
  config.name = "a";
  config.kind = "openai";
  config.base_url = origin.url();
  config.api_key_file = {dir / "key"};
  Provider provider = *LoadProvider(config);
  Use({provider});
  dir.File("key", "two\n");
  EXPECT_EQ(Call().body, "fine");
  EXPECT_EQ(origin.keys().back(), "Bearer two");

  std::filesystem::remove(dir / "key");
  provider.keys[0].expires_at = WallNow();
  Use({provider});
  const Outcome ended = Call();
  EXPECT_EQ(ended.status, 503);
  EXPECT_EQ(ended.code, "cove_key_expired");
  provider.fallback = "b";
  Use({provider, At("b", origin.url())});
  EXPECT_EQ(Call().provider, "b");
  provider.keys.clear();
  provider.fallback.clear();
  Use({provider});
  EXPECT_EQ(Call().code, "cove_no_provider_key");
}

TEST_F(UpstreamTest, AFallbackWithoutAKeyHidesNoAnswerAndNoOtherFallback) {
  Origin busy({{429, "busy"}});
  Origin other({{200, "other"}});
  const TempDir dir;
  Provider a = At("a", busy.url());
  a.fallback = "b";
  Provider b = At("b", other.url());
  b.keys[0].expires_at = WallNow();
  b.keys[0].file = dir / "key";
  b.key_files = {dir / "key"};
  Use({a, b});
  const Outcome got = Call();
  EXPECT_EQ(got.status, 429);
  EXPECT_EQ(got.body, "busy");
  EXPECT_EQ(got.provider, "a");
  b.fallback = "c";
  Use({a, b, At("c", other.url())});
  EXPECT_EQ(Call().provider, "c");
  dir.File("key", "new");
  Use({a, b, At("c", other.url())});
  EXPECT_EQ(Call().provider, "b") << "its key has come in the meantime";
}

// Leaves after a while, as an agent whose user has given up.
Task<void> LeaveAfter(Duration time) { co_await async::Sleep(time); }
Task<void> HasLeft() { co_return; }

TEST_F(UpstreamTest, WhoHasLeftIsNotAskedForAgain) {
  Origin limited({{429, "later", "5"}, {200, "fine"}});
  Origin other({{200, "fine"}});
  Provider a = At("a", limited.url(), 1);
  Use({a});
  const TimePoint start = Now();
  const Outcome gone =
      Call("a", {}, Outgoing::From::kSandbox, [] { return LeaveAfter(milliseconds(5)); });
  EXPECT_EQ(gone.code, "cove_agent_gone");
  EXPECT_EQ(gone.last_status, 429);
  EXPECT_LT(Now() - start, kRetryWaitMax) << "nor is the time waited out";
  EXPECT_EQ(limited.keys().size(), 1U);

  // Between two keys and before a fall-back, too, where nothing is waited for.
  const auto at_once = [] { return HasLeft(); };
  Origin refusing({{401, "no"}});
  Use({At("a", refusing.url(), 3)});
  EXPECT_EQ(Call("a", {}, Outgoing::From::kSandbox, at_once).code, "cove_agent_gone");
  EXPECT_EQ(refusing.keys().size(), 1U);
  Provider down = At("a", "http://127.0.0.1:1/v1");
  down.fallback = "b";
  down.retries = 0;
  Use({down, At("b", other.url())});
  EXPECT_EQ(Call("a", {}, Outgoing::From::kSandbox, at_once).last_status, 0);
  EXPECT_TRUE(other.keys().empty());
  EXPECT_EQ(Call("a").body, "fine") << "who is still there gets it";
}

Task<void> ServeTls(http::Server* server, net::Listener* listener,
                    std::shared_ptr<net::TlsContext> context) {
  for (;;) {
    auto fd = co_await listener->Accept();
    if (!fd) co_return;
    auto stream = co_await net::TlsAccept(
        context, std::make_unique<net::SocketStream>(std::move(*fd)), Now() + seconds(5));
    if (stream) co_await server->ServeConnection(std::move(*stream), "");
  }
}

Task<void> SayFine(http::Exchange& x) {
  (void)co_await http::ReadAll(x.body(), 1 << 20);
  (void)co_await x.Respond({200, {}}, "fine");
}

TEST_F(UpstreamTest, ItsOwnAuthorityIsTrustedForAProviderAndForNoOther) {
  const auto pki = net::MakeTestCertificate("IP:127.0.0.1");
  const TempDir dir;
  dir.File("ca.pem", pki.ca_pem);
  ProviderConfig config;
  config.name = "a";
  config.kind = "openai";
  config.ca_file = dir / "ca.pem";
  auto loaded = LoadProvider(config);
  std::filesystem::remove(config.ca_file);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message();
  EXPECT_FALSE(LoadProvider(config).ok()) << "a file that is not there";
  net::Listener listener(*net::ListenTcp(*net::SocketAddress::FromIp("127.0.0.1", 0)));
  http::Server server(&SayFine);
  async::TaskGroup group;
  group.Spawn(
      ServeTls(&server, &listener, *net::TlsContext::MakeServer(pki.cert_pem, pki.key_pem)));
  const std::string url =
      "https://127.0.0.1:" + std::to_string(net::LocalAddress(listener.fd())->port()) + "/v1";
  Provider a = At("a", url);
  a.tls = loaded->tls;
  Provider b = At("b", url);
  b.retries = 0;
  Use({a, b});
  EXPECT_EQ(Call("b").code, "cove_provider_unreachable");
  EXPECT_EQ(Call("a").body, "fine");
}

}  // namespace
}  // namespace cove::bridge
