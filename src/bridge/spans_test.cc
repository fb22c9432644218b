// Goal: every call that has ended reaches the collector once as a span of the GenAI conventions,
// and a collector that is away costs memory within a bound and no call. Method: a collector on
// loopback that can refuse; spans of made-up calls.
#include "bridge/spans.h"

#include <gtest/gtest.h>

#include "async/timer.h"
#include "http/server.h"
#include "json/json.h"

namespace cove::bridge {
namespace {

struct Collector {
  int status = 200;
  int requests = 0;
  bool holds = false;  // its answers back, until told to go
  async::Event go;
  std::string target;
  std::string type;
  std::vector<json::Object> spans;

  Task<void> Answer(http::Exchange& exchange) {
    ++requests;
    target = exchange.request().target;
    type = exchange.request().headers.Get("content-type").value_or("");
    auto body = co_await http::ReadAll(exchange.body(), 1 << 20);
    if (holds) co_await go.Wait();
    http::ResponseHead head;
    head.status = status;
    if (status == 200) Keep(*json::ParseObject(*body));
    (void)co_await exchange.Respond(std::move(head), "{}");
  }
  void Keep(const json::Object& request) {
    const json::Object& resource = (*json::GetArray(request, "resourceSpans"))[0].as_object();
    const json::Object& scope = (*json::GetArray(resource, "scopeSpans"))[0].as_object();
    for (const json::Value& span : *json::GetArray(scope, "spans")) {
      spans.push_back(span.as_object());
    }
  }
};

Task<void> RunServer(http::Server* server, net::Listener* listener) {
  (void)co_await server->Serve(*listener);
}

class SpansTest : public testing::Test {
 protected:
  SpansTest()
      : server_([this](http::Exchange& e) { return collector_.Answer(e); }),
        socket_(*net::ListenTcp(*net::SocketAddress::FromIp("127.0.0.1", 0))),
        port_(net::LocalAddress(socket_.get())->port()),
        listener_(std::move(socket_)) {
    group_.Spawn(RunServer(&server_, &listener_));
    std::vector<Provider> providers(3);
    for (const auto& [at, name, kind] :
         std::initializer_list<std::tuple<size_t, const char*, ProviderKind>>{
             {0, "openai", ProviderKind::kOpenAi},
             {1, "our-claude", ProviderKind::kAnthropic},
             {2, "rock", ProviderKind::kBedrock}}) {
      providers[at].name = name;
      providers[at].kind = kind;
    }
    const auto collector = CollectorUrl("http://127.0.0.1:" + std::to_string(port_));
    spans_ = std::make_unique<Spans>(pool_, *collector, providers);
  }
  static Ended Call(std::string model) {
    Ended call;
    call.id = "0b7e1f0a-1111-4222-8333-0123456789ab";
    call.start.provider = "openai";
    call.start.model = std::move(model);
    call.start.thread = "thread-1";
    call.start.sandbox = SandboxId("box");
    call.started_at = WallTime{1'000'000};
    call.ended_at = WallTime{3'000'000};
    call.end.status = 200;
    call.end.usage.known = true;
    call.end.usage.input = 40;
    call.end.usage.cached = 60;
    call.end.usage.output = 20;
    call.end.usage.cache_write_1h = 5;
    call.end.usage.web_searches = 2;
    call.charge.basis = CostBasis::kUsage;
    call.charge.cost = 77;
    call.start.ask.output_max = 4096;
    call.answer_model = "gpt-5.5-2026-04-23";
    call.stop = "stop";
    return call;
  }
  static std::string Attribute(const json::Object& span, std::string_view key) {
    for (const json::Value& item : *json::GetArray(span, "attributes")) {
      if (json::GetString(item.as_object(), "key") != key) continue;
      const json::Object& value = *json::GetObject(item.as_object(), "value");
      if (value.contains("arrayValue")) return json::Write(value);
      const auto number = json::GetString(value, "intValue");
      return number ? *number : json::GetString(value, "stringValue").value_or("?");
    }
    return "";
  }
  void Flush() { loop_.RunUntil(spans_->Flush(Now() + seconds(5))); }

  async::Loop loop_;
  async::ThreadPool pool_{1};
  Collector collector_;
  http::Server server_;
  UniqueFd socket_;
  uint16_t port_;
  net::Listener listener_;
  std::unique_ptr<Spans> spans_;
  async::TaskGroup group_;
};

TEST_F(SpansTest, ACallIsASpanOfTheConventions) {
  spans_->Add(Call("gpt-5.5"));
  Flush();
  EXPECT_EQ(collector_.target, "/v1/traces");
  EXPECT_EQ(collector_.type, "application/json");
  ASSERT_EQ(collector_.spans.size(), 1U);
  const json::Object& span = collector_.spans[0];
  EXPECT_EQ(json::GetString(span, "traceId"),
            "0b7e1f0a111142228333"
            "0123456789ab");
  EXPECT_EQ(json::GetString(span, "spanId"),
            "8333"
            "0123456789ab");
  EXPECT_EQ(json::GetString(span, "name"), "chat gpt-5.5");
  EXPECT_EQ(json::GetInt(span, "kind"), 3);
  EXPECT_EQ(json::GetString(span, "startTimeUnixNano"), "1000000000");
  EXPECT_EQ(json::GetString(span, "endTimeUnixNano"), "3000000000");
  EXPECT_EQ(Attribute(span, "gen_ai.provider.name"), "openai");
  EXPECT_EQ(Attribute(span, "gen_ai.request.model"), "gpt-5.5");
  EXPECT_EQ(Attribute(span, "gen_ai.request.max_tokens"), "4096");
  EXPECT_EQ(Attribute(span, "gen_ai.response.model"), "gpt-5.5-2026-04-23");
  EXPECT_EQ(Attribute(span, "gen_ai.response.finish_reasons"),
            R"({"arrayValue":{"values":[{"stringValue":"stop"}]}})");
  EXPECT_EQ(Attribute(span, "gen_ai.conversation.id"), "thread-1");
  EXPECT_EQ(Attribute(span, "gen_ai.usage.input_tokens"), "100");
  EXPECT_EQ(Attribute(span, "gen_ai.usage.output_tokens"), "20");
  EXPECT_EQ(Attribute(span, "cove.usage.cache_write_1h_tokens"), "5");
  EXPECT_EQ(Attribute(span, "cove.usage.web_searches"), "2");
  EXPECT_EQ(Attribute(span, "cove.cost.micro_usd"), "77");
  EXPECT_EQ(Attribute(span, "error.type"), "");
  EXPECT_FALSE(span.contains("status"));
}

TEST_F(SpansTest, AProviderIsNamedByItsProtocolAsTheConventionsDo) {
  for (const char* name : {"openai", "our-claude", "rock", "nowhere"}) {
    Ended call = Call("m");
    call.start.provider = name;
    call.start.ask.output_max.reset();
    call.answer_model.clear();
    call.stop.clear();
    spans_->Add(call);
  }
  Flush();
  ASSERT_EQ(collector_.spans.size(), 4U);
  const char* const want[] = {"openai", "anthropic", "aws.bedrock", "nowhere"};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(Attribute(collector_.spans[i], "gen_ai.provider.name"), want[i]);
    EXPECT_EQ(Attribute(collector_.spans[i], "gen_ai.response.finish_reasons"), "");
    EXPECT_EQ(Attribute(collector_.spans[i], "gen_ai.request.max_tokens"), "");
  }
  EXPECT_EQ(Attribute(collector_.spans[1], "cove.provider"), "our-claude");
}

TEST_F(SpansTest, AFailedCallSaysHow) {
  Ended call = Call("m");
  call.end.outcome = Outcome::kRejected;
  call.end.status = 429;
  call.charge.basis = CostBasis::kUnpriced;
  spans_->Add(call);
  Flush();
  ASSERT_EQ(collector_.spans.size(), 1U);
  EXPECT_EQ(Attribute(collector_.spans[0], "error.type"), "429");
  EXPECT_EQ(Attribute(collector_.spans[0], "cove.cost.micro_usd"), "");
  EXPECT_EQ(json::GetInt(*json::GetObject(collector_.spans[0], "status"), "code"), 2);
}

TEST_F(SpansTest, ACollectorThatIsAwayGetsThemLaterWithinABound) {
  collector_.status = 503;
  for (size_t i = 0; i < Spans::kQueueMax + 10; ++i) spans_->Add(Call(std::to_string(i)));
  Flush();
  EXPECT_EQ(spans_->waiting(), Spans::kQueueMax);
  EXPECT_EQ(spans_->dropped(), 10U);
  collector_.status = 200;
  Flush();
  EXPECT_EQ(spans_->waiting(), 0U);
  ASSERT_EQ(collector_.spans.size(), Spans::kQueueMax);
  EXPECT_EQ(json::GetString(collector_.spans.front(), "name"), "chat 10");
}

Task<void> UntilAsked(Collector* collector) {
  while (collector->requests == 0) co_await async::Sleep(milliseconds(2));
}

Task<void> LetGoSoon(Collector* collector) {
  co_await async::Sleep(milliseconds(20));
  collector->holds = false;
  collector->go.Set();
}

TEST_F(SpansTest, TheEndWaitsForWhatIsBeingSent) {
  async::TaskGroup running;
  running.Spawn(spans_->Run());
  for (const int status : {200, 503}) {
    collector_.requests = 0;
    collector_.spans.clear();
    collector_.go.Reset();
    collector_.holds = true;
    collector_.status = status;
    spans_->Add(Call("m"));
    loop_.RunUntil(UntilAsked(&collector_));
    EXPECT_EQ(spans_->waiting(), 1U) << "it is in no queue, and not lost";
    loop_.RunUntil(spans_->Flush(Now() + milliseconds(20)));
    EXPECT_EQ(spans_->waiting(), 1U) << "not longer than it may";
    running.Spawn(LetGoSoon(&collector_));
    Flush();
    EXPECT_EQ(collector_.spans.size(), status == 200 ? 1U : 0U);
    EXPECT_EQ(spans_->waiting(), status == 200 ? 0U : 1U) << "what was not taken is told";
  }
}

TEST_F(SpansTest, WhatACollectorRefusesIsNotSentForEver) {
  collector_.status = 400;
  spans_->Add(Call("m"));
  Flush();
  EXPECT_EQ(collector_.requests, 1);
  EXPECT_EQ(spans_->waiting(), 0U);
  EXPECT_EQ(spans_->dropped(), 1U);
}

TEST(CollectorUrl, TheUsualPathIsAdded) {
  EXPECT_EQ(CollectorUrl("http://127.0.0.1:4318")->target, "/v1/traces");
  EXPECT_EQ(CollectorUrl("https://otel.example/x/v1/traces")->target, "/x/v1/traces");
  EXPECT_FALSE(CollectorUrl("unix:/run/x:/").ok());
  EXPECT_FALSE(CollectorUrl("otel").ok());
}

}  // namespace
}  // namespace cove::bridge
