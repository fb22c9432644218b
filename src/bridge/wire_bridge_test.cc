// Goal: every case of the wire corpus passes through the whole gateway byte for byte and is in the
// book, also by a slow provider and in storms of refusals; time is not lost to waiting for more.
// Method: a Cove server with the bridge; a provider that answers the cases, refuses first, or waits
// with each piece until the agent has the one before.
#include <algorithm>
#include <set>

#include "bridge/bridge_fixture_test.h"
#include "bridge/wire_corpus_test.h"

namespace cove::bridge {
namespace {

// What the provider does with the next request of a case.
struct Storm {
  int status = 0;  // of the refusals
  int times = 0;   // still to come
  std::string retry_after;
};

struct Provided {
  const Case* is = nullptr;
  Storm storm;
  size_t piece = 0;  // bytes sent at once; 0: all
  bool stalls = false;
  int requests = 0;
  std::string target;
  // Of slow answers: how much the agent has got, and who waits for it.
  size_t received = 0;
  async::Event moved;
};

// As each kind of provider words it.
std::string RefusalBody(ProviderKind kind, int status) {
  ProviderError error;
  error.status = status;
  error.code = "scripted";
  error.message = "storm, tröpfelnd";
  return ErrorBody(kind, error);
}

Task<void> Provide(Provided& up, http::Exchange& exchange) {
  ++up.requests;
  up.target = exchange.request().target;
  (void)co_await http::ReadAll(exchange.body(), 1 << 20);
  if (up.storm.times > 0) {
    --up.storm.times;
    http::ResponseHead head;
    head.status = up.storm.status;
    head.headers.Set("Content-Type", "application/json");
    if (!up.storm.retry_after.empty()) head.headers.Set("Retry-After", up.storm.retry_after);
    (void)co_await exchange.Respond(std::move(head), RefusalBody(up.is->kind, up.storm.status));
    co_return;
  }
  auto writer = co_await exchange.StartResponse(up.is->head);
  if (!writer) co_return;
  const std::string_view answer = up.is->answer;
  const size_t piece = up.piece == 0 ? answer.size() : up.piece;
  for (size_t at = 0; at < answer.size(); at += piece) {
    while (up.piece != 0 && up.received < at) co_await up.moved.Wait();
    if (up.stalls && at > answer.size() / 2) co_await exchange.PeerClosed();
    if (!(co_await (*writer)->Write(answer.substr(at, piece)))) co_return;
  }
  (void)co_await (*writer)->Finish();
}

class WireBridgeTest : public BooksFixture {
 protected:
  WireBridgeTest()
      : BooksFixture(""),
        upstream_([this](http::Exchange& e) { return Provide(up_, e); }),
        bridge_(MakeDeps()),
        front_([this](http::Exchange& e) { return Serve(e); }) {}

  Bridge::Deps MakeDeps() {
    Bridge::Deps deps;
    deps.books = &books_;
    deps.resolver_pool = &pool_;
    for (const auto& [name, kind] : {std::pair("openai", ProviderKind::kOpenAi),
                                     std::pair("anthropic", ProviderKind::kAnthropic),
                                     std::pair("bedrock", ProviderKind::kBedrock)}) {
      Provider provider;
      provider.name = name;
      provider.kind = kind;
      provider.base = *http::Url::Parse(upstream_.Url(kind == ProviderKind::kOpenAi ? "/v1" : "/"));
      if (kind != ProviderKind::kOpenAi) provider.base.target.clear();
      provider.region = "us-east-1";
      provider.keys = {{Secret("key"), "1", "", Secret()}};
      provider.timeouts.body = milliseconds(50);
      deps.providers.push_back(std::move(provider));
    }
    return deps;
  }

  Task<void> Serve(http::Exchange& exchange) {
    std::string path(exchange.request().RawPath());
    return bridge_.Serve(Box(), exchange, std::move(path));
  }

  // As the agent does it; tells the provider how much has come.
  Task<Reply> Ask(const Case* c) {
    http::ClientRequest request;
    request.method = c->api == Api::kModels ? "GET" : "POST";
    request.url = *http::Url::Parse(front_.Url("/"));
    request.url.target = "/" + *json::GetString(c->record, "kind") + c->path;
    if (c->api != Api::kModels) request.body = c->request;
    auto response = co_await client_.Send(std::move(request));
    Reply reply;
    if (!response) co_return reply;
    reply.status = (*response)->head().status;
    reply.headers = (*response)->head().headers;
    char buffer[4096];
    for (;;) {
      auto got = co_await (*response)->body().Read(buffer);
      reply.cut = !got;
      if (!got || *got == 0) break;
      reply.body.append(buffer, *got);
      up_.received = reply.body.size();
      up_.moved.NotifyAll();
    }
    co_return reply;
  }
  Reply Run(const Case& c) {
    up_.is = &c;
    up_.received = 0;
    return loop_.RunUntil(Ask(&c));
  }

  // The book since the last time, oldest first, once every call has ended.
  std::vector<Call> NewCalls() {
    loop_.RunUntil(bridge_.Flush(Now() + seconds(5)));
    CallFilter filter;
    filter.org = OrgId("org");
    filter.limit = CallLog::kPageMax;
    auto calls = *loop_.RunUntil(books_.log().List(filter));
    std::reverse(calls.begin(), calls.end());
    calls.erase(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(seen_));
    seen_ += calls.size();
    return calls;
  }

  static void ExpectRow(const Case& c, const Call& call) {
    EXPECT_EQ(call.start.api, ApiName(c.api)) << c.name;
    EXPECT_EQ(call.start.provider, *json::GetString(c.record, "kind")) << c.name;
    EXPECT_EQ(call.end.status, c.head.status) << c.name;
    EXPECT_EQ(call.end.outcome, WantedOutcome(c)) << c.name;
    EXPECT_EQ(call.end.response_id, json::GetString(c.record, "id").value_or("")) << c.name;
    EXPECT_EQ(call.end.response_bytes, c.answer.size()) << c.name;
    const Usage wanted = WantedUsage(c);
    EXPECT_EQ(Show(call.end.usage), Show(wanted)) << c.name;
  }
  static bool Recorded(const Case& c) {
    return c.api != Api::kModels && c.api != Api::kCountTokens;
  }

  Provided up_;
  Listening upstream_;
  Bridge bridge_;
  Listening front_;
  const std::vector<Case> corpus_ = Corpus();
  size_t seen_ = 0;
};

TEST_F(WireBridgeTest, EveryRouteInBothModes) {
  std::set<std::string> routes;
  for (const Case& c : corpus_) {
    const Reply reply = Run(c);
    EXPECT_EQ(reply.status, c.head.status) << c.name;
    EXPECT_EQ(reply.body, c.client) << c.name;
    EXPECT_EQ(reply.headers.Get("content-type"), c.head.headers.Get("content-type"));
    EXPECT_TRUE(up_.target.ends_with(c.path)) << up_.target;
    const auto calls = NewCalls();
    ASSERT_EQ(calls.size(), Recorded(c) ? 1U : 0U) << c.name;
    if (Recorded(c)) ExpectRow(c, calls[0]);
    routes.insert(*json::GetString(c.record, "kind") + " " + c.path +
                  (c.sse() ? " in events" : ""));
  }
  EXPECT_EQ(routes.size(), 12U) << "a route is without a case";
}

TEST_F(WireBridgeTest, ASlowProviderIsPassedOnAsItSpeaks) {
  for (const Case& c : corpus_) {
    // Where a chunk is taken out, events are waited for: wire_test.cc.
    if (c.client != c.answer || !(c.sse() || c.event_stream())) continue;
    up_.piece = 97;
    const Reply reply = Run(c);
    EXPECT_EQ(reply.body, c.client) << c.name;
    const auto calls = NewCalls();
    ASSERT_EQ(calls.size(), 1U);
    ExpectRow(c, calls[0]);
  }
}

TEST_F(WireBridgeTest, AProviderThatFallsSilentIsCutAndWhatItSaidIsKept) {
  for (const Case& c : corpus_) {
    if (c.name != "messages_stream" && c.name != "bedrock_stream") continue;
    up_.piece = 97;
    up_.stalls = true;
    const Reply reply = Run(c);
    EXPECT_TRUE(reply.cut) << c.name;
    EXPECT_TRUE(c.client.starts_with(reply.body)) << c.name;
    EXPECT_GT(reply.body.size(), c.client.size() / 2);
    const auto calls = NewCalls();
    ASSERT_EQ(calls.size(), 1U);
    EXPECT_EQ(calls[0].end.outcome, Outcome::kBroken);
    EXPECT_EQ(calls[0].end.usage.input, WantedUsage(c).input) << "told at the start";
  }
}

TEST_F(WireBridgeTest, RefusalsWithoutATimePassAsTheyAreAndCostNothing) {
  for (const Case& c : corpus_) {
    if (!Recorded(c) || c.head.status != 200) continue;
    for (const int status : {429, 500, 502, 503, 504, 529}) {
      up_.storm = {status, 2, ""};
      up_.requests = 0;
      for (int i = 0; i < 2; ++i) {
        const Reply refused = Run(c);
        EXPECT_EQ(refused.status, status);
        EXPECT_EQ(refused.body, RefusalBody(c.kind, status)) << c.name;
      }
      EXPECT_EQ(Run(c).body, c.client) << c.name << " after " << status;
      EXPECT_EQ(up_.requests, 3) << "nothing is sent twice";
      const auto calls = NewCalls();
      ASSERT_EQ(calls.size(), 3U);
      for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(calls[i].end.status, status);
        EXPECT_EQ(calls[i].end.outcome, Outcome::kRejected);
        EXPECT_EQ(calls[i].charge.basis, CostBasis::kNone);
      }
      ExpectRow(c, calls[2]);
    }
  }
}

TEST_F(WireBridgeTest, ARefusalThatSaysWhenIsWaitedForAndNeverSeen) {
  for (const Case& c : corpus_) {
    if (!Recorded(c) || c.head.status != 200) continue;
    for (const int status : {429, 503, 529}) {
      up_.storm = {status, 1, "0"};
      up_.requests = 0;
      const Reply reply = Run(c);
      EXPECT_EQ(reply.body, c.client) << c.name << " after " << status;
      EXPECT_EQ(up_.requests, 2);
      const auto calls = NewCalls();
      ASSERT_EQ(calls.size(), 1U) << "one call, however often it was tried";
      ExpectRow(c, calls[0]);
    }
  }
}

Task<void> AskInto(Task<Reply> ask, Reply* out) { *out = co_await std::move(ask); }

TEST_F(WireBridgeTest, InAStormOfManyCallsEachGetsItsOwnAnswer) {
  constexpr int kCalls = 60;
  constexpr int kRefused = 4;  // fewer than open the breaker
  for (const Case& c : corpus_) {
    if (!Recorded(c) || c.head.status != 200) continue;
    up_.is = &c;
    up_.storm = {429, kRefused, ""};
    up_.requests = 0;
    std::vector<Reply> replies(kCalls);
    async::TaskGroup group;
    for (Reply& reply : replies) group.Spawn(AskInto(Ask(&c), &reply));
    loop_.RunUntil(group.Join());
    int refused = 0;
    for (const Reply& reply : replies) {
      const bool no = reply.status == 429;
      refused += no ? 1 : 0;
      EXPECT_EQ(reply.body, no ? RefusalBody(c.kind, 429) : c.client) << c.name;
    }
    EXPECT_EQ(refused, kRefused);
    EXPECT_EQ(up_.requests, kCalls);
    const auto calls = NewCalls();
    ASSERT_EQ(calls.size(), static_cast<size_t>(kCalls));
    for (const Call& call : calls) {
      if (call.end.status == 200) ExpectRow(c, call);
      refused -= call.end.status == 429 ? 1 : 0;
    }
    EXPECT_EQ(refused, 0);
  }
}

TEST_F(WireBridgeTest, AStormThatLastsIsAnsweredInTheProvidersShapeWithoutAskingIt) {
  for (const char* name : {"responses_stream", "messages_stream", "bedrock_stream"}) {
    const auto c = std::find_if(corpus_.begin(), corpus_.end(),
                                [name](const Case& one) { return one.name == name; });
    ASSERT_NE(c, corpus_.end());
    up_.storm = {503, 5, ""};
    for (int i = 0; i < 5; ++i) EXPECT_EQ(Run(*c).status, 503);
    up_.requests = 0;
    const Reply resting = Run(*c);
    EXPECT_EQ(resting.status, 503);
    EXPECT_TRUE(resting.headers.Has("retry-after"));
    EXPECT_EQ(resting.headers.Has("x-amzn-errortype"), c->kind == ProviderKind::kBedrock);
    EXPECT_NE(resting.body.find("leaves it alone"), std::string::npos) << resting.body;
    EXPECT_EQ(up_.requests, 0);
    const auto calls = NewCalls();
    ASSERT_EQ(calls.size(), 6U);
    EXPECT_EQ(calls[5].end.outcome, Outcome::kUnreachable);
    EXPECT_EQ(calls[5].charge.basis, CostBasis::kNone);
  }
}

}  // namespace
}  // namespace cove::bridge
