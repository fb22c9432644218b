// Goal: on a Responses WebSocket messages pass unchanged, each response asked for is a call in the
// book, and what may not leave does not.
// Method: a Cove http server with the bridge, a scripted provider and an agent, all over loopback
// on one loop; the book in memory.
#include <gmock/gmock.h>

#include "bridge/bridge_fixture_test.h"
#include "http/websocket.h"

namespace cove::bridge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kCreated = R"({"type":"response.created","response":{"id":"r1"}})";
constexpr std::string_view kTool =
    R"({"type":"response.output_item.done", "item":{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}})";
constexpr std::string_view kCompleted =
    R"({"type":"response.completed","response":{"id":"r1","usage":{"input_tokens":9,"output_tokens":4}}})";
constexpr std::string_view kCreate =
    R"({"type":"response.create","model":"gpt-5.5", "odd":1.0,"input":"hi","client_metadata":{"x-codex-turn-metadata":"{\"turn_id\":\"t7\"}"}})";

constexpr size_t kRoom = size_t{64} * 1024;

// Answers every message, or every so many, with the same events; then it may close.
struct Script {
  int status = 101;
  size_t together = 1;
  std::vector<std::string> events = {std::string(kCreated), std::string(kTool),
                                     std::string(kCompleted)};
  bool closes = false;
  bool waits = false;  // before the last event, until the agent has gone
  http::Headers handshake;
  std::string target;
  std::vector<std::string> got;
};

Task<void> AnswerSocket(Script& up, http::Exchange& exchange) {
  up.handshake = exchange.request().headers;
  up.target = exchange.request().target;
  if (up.status != 101) {
    (void)co_await exchange.Respond({up.status, {}}, "no");
    co_return;
  }
  auto socket = co_await http::AcceptWebSocket(exchange, "", {{"x-codex-turn-state", "s1"}});
  if (!socket) co_return;
  for (;;) {
    auto message = co_await (*socket)->Receive();
    if (!message) break;
    up.got.push_back(message->data);
    if (up.got.size() % up.together != 0) continue;
    for (const std::string& event : up.events) {
      if (up.waits && &event == &up.events.back()) co_await async::Sleep(milliseconds(30));
      if (!(co_await (*socket)->SendText(event))) co_return;
    }
    if (up.closes) {
      (void)co_await (*socket)->Close(codec::ws_close::kGoingAway, "bye");
      co_return;
    }
  }
}

class BridgeSocketTest : public BooksFixture {
 protected:
  // kCompleted's usage costs 9 + 40 micro-dollars.
  BridgeSocketTest()
      : BooksFixture("openai gpt-5.5 2020-01-01 0 1 - - 10 1000 1000\n"),
        upstream_([this](http::Exchange& e) { return AnswerSocket(up_, e); }),
        bridge_(MakeDeps()),
        front_([this](http::Exchange& e) { return Serve(e); }) {}

  Bridge::Deps MakeDeps() {
    Provider provider;
    provider.name = "openai";
    provider.base = *http::Url::Parse(upstream_.Url("/v1"));
    provider.keys = {{Secret("real-key"), "1"}};
    Bridge::Deps deps;
    deps.books = &books_;
    deps.resolver_pool = &pool_;
    deps.providers = {provider};
    deps.may_reach = [](const SandboxId&, const http::Url&) { return false; };
    deps.used = [this](const SandboxId& id) { used_ += id.value; };
    deps.ended = [this](const Caller&) {
      return ended_ ? std::optional(ProviderError{401, "cove_ended", "m"}) : std::nullopt;
    };
    deps.wire.aliases = {{"fast", "gpt-5.5-mini"}};
    deps.limits.held_bytes_max = 4 * kRoom;  // of one caller alone a quarter
    deps.limits.body_step_time = seconds(1);
    return deps;
  }

  Task<void> Serve(http::Exchange& exchange) {
    std::string path(exchange.request().RawPath());
    co_await bridge_.Serve(Box(), exchange, std::move(path));
    ++served_;
  }

  Task<Result<std::unique_ptr<http::WebSocket>>> Connect() {
    http::ClientRequest request;
    request.url = *http::Url::Parse(front_.Url("/openai/v1/responses?x=1"));
    request.headers = {{"Authorization", "Bearer of-the-sandbox"}, {"session-id", session_}};
    const auto offer = http::OfferWebSocket();
    for (const auto& [name, value] : offer->fields) request.headers.Set(name, value);
    auto response = co_await client_.Send(std::move(request));
    if (!response) co_return response.error();
    head_ = (*response)->head();
    co_return http::OpenWebSocket(**response, *offer);
  }

  // Sends each message; reads until a response has ended or an error came, or the end.
  Task<void> Talk(std::vector<std::string> messages) {
    auto socket = co_await Connect();
    if (!socket) co_return;
    for (std::string& message : messages) {
      if (!(co_await (*socket)->SendText(message))) break;
      for (;;) {
        auto event = co_await (*socket)->Receive();
        if (!event) {
          close_code_ = (*socket)->close_code();
          co_return;
        }
        events_.push_back(event->data);
        if (event->data.find("completed") != std::string::npos) break;
        if (event->data.find("\"error\"") != std::string::npos) break;
      }
    }
    (void)co_await (*socket)->Close(codec::ws_close::kNormal, "");
  }

  // Sends them all at once; reads so many events, or to the end.
  Task<void> Listen(std::vector<std::string> messages, size_t events) {
    auto socket = co_await Connect();
    if (!socket) co_return;
    for (const std::string& message : messages) (void)co_await (*socket)->SendText(message);
    while (events_.size() < events) {
      auto event = co_await (*socket)->Receive();
      if (!event) co_return;
      events_.push_back(event->data);
    }
    (void)co_await (*socket)->Close(codec::ws_close::kNormal, "");
  }

  // All but the end of a message, and then nothing: what is answered.
  Task<void> Dawdle(std::string message) {
    http::ClientRequest request;
    request.url = *http::Url::Parse(front_.Url("/openai/v1/responses"));
    const auto offer = http::OfferWebSocket();
    for (const auto& [name, value] : offer->fields) request.headers.Set(name, value);
    auto response = co_await client_.Send(std::move(request));
    if (!response) co_return;
    const auto stream = (*response)->TakeStream();
    std::string frame;
    const codec::WsMask mask{};
    codec::AppendWsFrame(&frame, codec::WsOpcode::kText, message, &mask);
    (void)co_await stream->Write(frame.substr(0, frame.size() - 1));
    dawdles_.Set();
    std::array<char, 1024> piece{};
    while (true) {
      const auto got = co_await stream->Read(piece);
      if (!got || *got == 0) break;
      dawdled_.append(piece.data(), *got);
    }
  }

  Task<void> SendAndLeave() {
    auto socket = co_await Connect();
    if (!socket) co_return;
    (void)co_await (*socket)->SendText(kCreate);
    (void)co_await (*socket)->Receive();
  }

  // Once the bridge has done with its connection: the calls that were made, oldest first.
  std::vector<Call> Calls() {
    for (int i = 0; i < 1000 && served_ == 0; ++i) loop_.RunUntil(Pause());
    loop_.RunUntil(bridge_.Flush(Now() + seconds(5)));
    CallFilter filter;
    filter.org = OrgId("org");
    auto calls = *loop_.RunUntil(books_.log().List(filter));
    std::erase_if(calls, [](const Call& c) { return c.end.outcome == Outcome::kRefused; });
    std::reverse(calls.begin(), calls.end());
    return calls;
  }

  Script up_;
  Listening upstream_;
  std::string used_;
  bool ended_ = false;
  Bridge bridge_;
  int served_ = 0;
  Listening front_;
  std::string session_ = "s";
  http::ResponseHead head_;
  std::vector<std::string> events_;
  std::string dawdled_;
  async::Event dawdles_;
  int close_code_ = 0;
};

TEST_F(BridgeSocketTest, EachResponseIsACallAndMessagesPassUnchanged) {
  const std::string warm =
      R"({"type":"response.create","model":"gpt-5.5","generate":false,"input":[]})";
  loop_.RunUntil(Talk({warm, std::string(kCreate)}));
  EXPECT_THAT(up_.got, ElementsAre(warm, kCreate));
  EXPECT_THAT(events_, ElementsAre(kCreated, kTool, kCompleted, kCreated, kTool, kCompleted));
  EXPECT_EQ(up_.handshake.Get("authorization"), "Bearer real-key");
  EXPECT_EQ(up_.target, "/v1/responses?x=1");
  EXPECT_EQ(head_.headers.Get("x-codex-turn-state"), "s1");
  EXPECT_EQ(used_, "boxbox");

  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 2U);
  for (const Call& call : calls) {
    EXPECT_TRUE(call.ended_at);
    EXPECT_EQ(call.start.model, "gpt-5.5");
    EXPECT_TRUE(call.start.stream);
    EXPECT_EQ(call.start.session, "s");
    EXPECT_EQ(call.end.outcome, Outcome::kCompleted);
    EXPECT_EQ(call.end.status, 200);
    EXPECT_EQ(call.end.usage.input, 9);
    EXPECT_EQ(call.end.usage.output, 4);
    EXPECT_EQ(call.end.response_id, "r1");
    EXPECT_EQ(call.end.response_bytes, kCreated.size() + kTool.size() + kCompleted.size());
  }
  EXPECT_EQ(calls[1].start.turn, "t7");
  const Said said = SaidIn(calls[1].id);
  EXPECT_EQ(said.prompt, "hi");
  EXPECT_EQ(said.tools.size(), 1U);
}

TEST_F(BridgeSocketTest, WhatMayNotLeaveIsAnsweredWithAnErrorAndTheConnectionGoesOn) {
  loop_.RunUntil(Talk({R"({"type":"response.create","background":true})",
                       R"({"type":"response.create","tools":[{"server_url":"https://evil.test"}]})",
                       R"({"type":"response.steer","input":"x"})", "no json",
                       R"({"type":"response.create","response":{"background":true}})",
                       R"({"type":"response.create","model":"fast"})"}));
  EXPECT_THAT(up_.got, ElementsAre(R"({"type":"response.create","model":"gpt-5.5-mini"})"));
  ASSERT_EQ(events_.size(), 8U);
  EXPECT_THAT(events_[0], HasSubstr(R"("status":501)"));
  EXPECT_THAT(events_[1], HasSubstr(R"("status":403)"));
  EXPECT_THAT(events_[1], HasSubstr("cove_url_not_allowed"));
  for (size_t i = 2; i < 5; ++i) EXPECT_THAT(events_[i], HasSubstr("cove_no_route"));
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].start.model, "gpt-5.5-mini");
  std::string codes;  // newest first
  for (const Call& refused : Refusals()) codes += refused.end.refusal + " ";
  EXPECT_EQ(codes,
            "cove_no_route cove_no_route cove_no_route cove_url_not_allowed cove_no_background ");
  EXPECT_TRUE(Refusals().back().start.stream);
}

TEST_F(BridgeSocketTest, AMessageOfTooManyValuesIsRefusedInItsOwnWords) {
  Bridge::Deps deps = MakeDeps();
  deps.limits = Limits();
  Bridge roomy(std::move(deps));
  Listening front([&](http::Exchange& e) { return roomy.Serve(Box(), e, "/openai/v1/responses"); });
  std::swap(front.port, front_.port);
  std::string message = R"({"type":"response.create","input":[0)";
  for (size_t i = 0; i < json::kValuesMax; ++i) message += ",0";
  loop_.RunUntil(Talk({message + "]}", std::string(kCreate)}));
  std::swap(front.port, front_.port);
  ASSERT_EQ(events_.size(), 4U) << "and the connection goes on";
  EXPECT_THAT(events_[0], testing::AllOf(HasSubstr(R"("status":400)"), HasSubstr("500000 values")));
  EXPECT_EQ(up_.got.size(), 1U);
}

TEST_F(BridgeSocketTest, AMessageTakesRoomInTheShareOfItsCaller) {
  const std::string much =
      R"({"type":"response.create","input":")" + std::string(8 << 20, 'x') + "\"}";
  loop_.RunUntil(Talk({much, std::string(kCreate)}));
  EXPECT_THAT(events_, ElementsAre(testing::AllOf(HasSubstr("\"status\":429"),
                                                  HasSubstr("cove_at_capacity"))));
  EXPECT_EQ(close_code_, 1013) << "and it could be sent to its end";
  EXPECT_TRUE(up_.got.empty());
  EXPECT_TRUE(Calls().empty());
  ASSERT_EQ(Refusals().size(), 1U);
  EXPECT_EQ(Refusals()[0].end.refusal, "cove_at_capacity");
  events_.clear();
  const std::string fits =
      R"({"type":"response.create","input":")" + std::string(kRoom / 2, 'x') + "\"}";
  loop_.RunUntil(Talk({fits, fits, fits}));
  EXPECT_EQ(up_.got.size(), 3U) << "what was passed on is not held";
}

TEST_F(BridgeSocketTest, AMessageThatDoesNotComeIsNotWaitedFor) {
  loop_.RunUntil(Dawdle(std::string(kCreate)));
  EXPECT_THAT(dawdled_,
              testing::AllOf(HasSubstr("\"status\":408"), HasSubstr("cove_request_too_slow")));
  EXPECT_TRUE(Calls().empty());
  events_.clear();
  loop_.RunUntil(Talk({std::string(kCreate)}));
  EXPECT_EQ(events_.size(), 3U);
}

TEST_F(BridgeSocketTest, AWholeMessageWithoutRoomIsRefusedAndTheConnectionGoesOn) {
  async::TaskGroup group;
  group.Spawn(Dawdle(std::string(kRoom - 4096, 'x')));
  const std::string small =
      R"({"type":"response.create","input":")" + std::string(8192, 'x') + "\"}";
  // Until the one that dawdles is held, which nothing tells, this one is passed on; and it has an
  // end of its own.
  for (int i = 0; i < 1000; ++i) {
    if (!dawdled_.empty()) group.Spawn(Dawdle(std::string(kRoom - 4096, 'x')));
    dawdled_.clear();
    events_.clear();
    up_.got.clear();
    loop_.RunUntil(Talk({small, small}));
    if (events_.size() == 2 && up_.got.empty()) break;
    loop_.RunUntil(Pause());
  }
  EXPECT_THAT(events_, testing::Each(HasSubstr("cove_at_capacity")));
  EXPECT_EQ(events_.size(), 2U);
  EXPECT_TRUE(up_.got.empty());
}

TEST_F(BridgeSocketTest, AnErrorOfTheProviderEndsTheCallWithItsStatus) {
  up_.events = {
      R"({"type":"error","status":429,"error":{"code":"rate_limit_exceeded","message":"m"}})"};
  loop_.RunUntil(Talk({std::string(kCreate)}));
  EXPECT_EQ(events_, up_.events);
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].end.outcome, Outcome::kRejected);
  EXPECT_EQ(Calls()[0].end.status, 429);
}

constexpr std::string_view kError =
    R"({"type":"error","status":400,"error":{"code":"odd","message":"m"}})";
constexpr std::string_view kCreatedSecond = R"({"type":"response.created","response":{"id":"r2"}})";
constexpr std::string_view kCompletedSecond =
    R"({"type":"response.completed","response":{"id":"r2","usage":{"input_tokens":5,"output_tokens":1}}})";

TEST_F(BridgeSocketTest, AnErrorInTheMiddleDropsNoUsageThatComesAfterIt) {
  up_.events = {std::string(kCreated), std::string(kError), std::string(kCompleted)};
  loop_.RunUntil(Listen({std::string(kCreate)}, 3));
  EXPECT_EQ(events_, up_.events);
  ASSERT_EQ(Calls().size(), 1U);
  const Call call = Calls()[0];
  EXPECT_EQ(call.end.outcome, Outcome::kFailed);
  EXPECT_EQ(call.end.status, 200);
  EXPECT_EQ(call.end.response_id, "r1");
  EXPECT_EQ(call.charge.basis, CostBasis::kUsage);
  EXPECT_EQ(call.charge.cost, 9 + 40);
  EXPECT_EQ(SaidIn(call.id).error, "odd");
}

TEST_F(BridgeSocketTest, AnErrorInTheMiddleThatIsTheLastWordIsAFailureAndNotFree) {
  up_.events = {std::string(kCreated), std::string(kError)};
  up_.closes = true;
  loop_.RunUntil(Listen({std::string(kCreate)}, 3));
  ASSERT_EQ(Calls().size(), 1U);
  const Call call = Calls()[0];
  EXPECT_EQ(call.end.outcome, Outcome::kFailed);
  EXPECT_EQ(call.end.status, 200);
  EXPECT_EQ(call.charge.basis, CostBasis::kEstimated);
  EXPECT_GT(call.charge.cost, 0);
}

TEST_F(BridgeSocketTest, AfterAnErrorInTheMiddleTheNextAnswerIsTheNextCalls) {
  up_.together = 2;
  up_.events = {std::string(kCreated), std::string(kError), std::string(kCreatedSecond),
                std::string(kCompletedSecond)};
  loop_.RunUntil(Listen({std::string(kCreate), std::string(kCreate)}, 4));
  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[0].end.outcome, Outcome::kFailed);
  EXPECT_EQ(calls[0].end.response_id, "r1");
  EXPECT_EQ(calls[0].charge.basis, CostBasis::kEstimated);
  EXPECT_EQ(calls[1].end.outcome, Outcome::kCompleted);
  EXPECT_EQ(calls[1].end.response_id, "r2");
  EXPECT_EQ(calls[1].charge.cost, 5 + 10);
}

TEST_F(BridgeSocketTest, AnAgentThatGoesOnAfterAnErrorEndsTheCallThatFailed) {
  up_.events = {std::string(kCreated), std::string(kError)};
  const auto agent = loop_.RunUntil(Connect());
  ASSERT_TRUE(agent);
  const auto say = [&] {
    ASSERT_TRUE(loop_.RunUntil((*agent)->SendText(kCreate)));
    for (const std::string& event : up_.events) {
      const auto heard = loop_.RunUntil((*agent)->Receive());
      ASSERT_TRUE(heard);
      EXPECT_EQ(heard->data, event);
    }
  };
  say();
  // The first one's last word comes late.
  up_.events = {std::string(kCompleted), std::string(kCreatedSecond),
                std::string(kCompletedSecond)};
  say();
  (void)loop_.RunUntil((*agent)->Close(codec::ws_close::kNormal, ""));
  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[0].end.outcome, Outcome::kFailed);
  EXPECT_EQ(calls[0].charge.basis, CostBasis::kEstimated);
  EXPECT_EQ(calls[1].end.outcome, Outcome::kCompleted);
  EXPECT_EQ(calls[1].end.response_id, "r2");
  EXPECT_EQ(calls[1].charge.cost, 5 + 10);
}

TEST_F(BridgeSocketTest, WhoMayCallNoLongerIsToldSoAndTheConnectionEnds) {
  const auto agent = loop_.RunUntil(Connect());
  ASSERT_TRUE(agent);
  const auto next = [&] {
    auto event = loop_.RunUntil((*agent)->Receive());
    return event ? event->data : "closed";
  };
  ASSERT_TRUE(loop_.RunUntil((*agent)->SendText(kCreate)));
  for (const std::string& event : up_.events) EXPECT_EQ(next(), event);
  ended_ = true;
  ASSERT_TRUE(loop_.RunUntil((*agent)->SendText(kCreate)));
  EXPECT_THAT(next(), testing::AllOf(HasSubstr(R"("status":401)"), HasSubstr("cove_ended")));
  EXPECT_EQ(next(), "closed");
  EXPECT_EQ((*agent)->close_code(), codec::ws_close::kPolicy);
  EXPECT_EQ(up_.got.size(), 1U);
  EXPECT_EQ(Calls().size(), 1U);
  ASSERT_EQ(Refusals().size(), 1U);
  EXPECT_EQ(Refusals()[0].end.refusal, "cove_ended");
}

TEST_F(BridgeSocketTest, WhatWasAskedForBeforeTheCallersEndIsStillAnswered) {
  up_.waits = true;
  const auto agent = loop_.RunUntil(Connect());
  ASSERT_TRUE(agent);
  ASSERT_TRUE(loop_.RunUntil((*agent)->SendText(kCreate)));
  ASSERT_TRUE(loop_.RunUntil((*agent)->Receive()));
  ended_ = true;
  ASSERT_TRUE(loop_.RunUntil((*agent)->SendText(kCreate)));
  std::string rest;
  for (;;) {
    const auto event = loop_.RunUntil((*agent)->Receive());
    if (!event) break;
    rest += event->data;
  }
  EXPECT_THAT(rest, testing::AllOf(HasSubstr("cove_ended"), HasSubstr(std::string(kCompleted))));
  EXPECT_EQ((*agent)->close_code(), codec::ws_close::kPolicy);
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].end.outcome, Outcome::kCompleted);
}

TEST_F(BridgeSocketTest, AProviderThatClosesInTheMiddleIsSeenByTheAgentAndTheBook) {
  up_.events.pop_back();
  up_.closes = true;
  loop_.RunUntil(Talk({std::string(kCreate)}));
  EXPECT_EQ(close_code_, codec::ws_close::kGoingAway);
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].end.outcome, Outcome::kBroken);
}

TEST_F(BridgeSocketTest, AnAgentThatLeavesIsStillChargedForWhatItAsked) {
  up_.waits = true;
  loop_.RunUntil(SendAndLeave());
  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].end.outcome, Outcome::kClientGone);
  EXPECT_EQ(calls[0].end.usage.output, 4);
}

TEST_F(BridgeSocketTest, AnAgentThatLeavesWhileItsCallWaitsForABudgetDoesNotMakeIt) {
  CallStart other;  // holds all of the budget
  other.org = OrgId("org");
  other.provider = "openai";
  other.model = "gpt-5.5";
  const Budget budget = MakeBudget(1);
  auto held = loop_.RunUntil(books_.Admit(other));
  const auto until = [this](size_t n) {
    for (int i = 0; i < 1000 && books_.budgets().waiting() != n; ++i) loop_.RunUntil(Pause());
    return books_.budgets().waiting();
  };
  auto agent = loop_.RunUntil(Connect());
  ASSERT_TRUE(agent);
  ASSERT_TRUE(loop_.RunUntil((*agent)->SendText(kCreate)));
  ASSERT_EQ(until(1), 1U);
  agent->reset();
  EXPECT_EQ(until(0), 0U);
  for (int i = 0; i < 1000 && served_ == 0; ++i) loop_.RunUntil(Pause());
  EXPECT_EQ(served_, 1) << "nothing keeps the connection";
  EXPECT_EQ(UseOf(budget).in_flight, 1);
  EXPECT_TRUE(up_.got.empty());
  EXPECT_TRUE(loop_.RunUntil(
      books_.Finish(std::move(std::get<Ticket>(held)), {.outcome = Outcome::kUnreachable})));
}

TEST_F(BridgeSocketTest, AConnectionThatIsTakenDownIsHeardOutAndSettled) {
  up_.waits = true;
  const Budget budget = MakeBudget(1'000'000);
  const auto agent = loop_.RunUntil(Connect());
  ASSERT_TRUE(agent);
  ASSERT_TRUE(loop_.RunUntil((*agent)->SendText(kCreate)));
  ASSERT_TRUE(loop_.RunUntil((*agent)->Receive()));
  front_.group.Clear();
  served_ = 1;
  EXPECT_EQ(UseOf(budget).in_flight, 1);
  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].end.outcome, Outcome::kClientGone);
  EXPECT_EQ(calls[0].end.usage.output, 4);
  EXPECT_EQ(calls[0].charge.cost, 9 + 40);
  EXPECT_EQ(UseOf(budget).spent, 9 + 40);
  EXPECT_EQ(UseOf(budget).in_flight, 0);
  EXPECT_EQ(SaidIn(calls[0].id).prompt, "hi");
}

TEST_F(BridgeSocketTest, WhatABudgetRefusesIsAnErrorEventAndNotSent) {
  const Budget budget = MakeBudget(9 + 40);
  loop_.RunUntil(Talk({std::string(kCreate), std::string(kCreate), std::string(kCreate)}));
  EXPECT_EQ(up_.got.size(), 1U);
  ASSERT_EQ(events_.size(), 5U);
  EXPECT_THAT(events_[3], HasSubstr(R"("status":403)"));
  EXPECT_THAT(events_[4], HasSubstr("cove_budget_exhausted"));
  EXPECT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Refusals().size(), 2U);
  EXPECT_EQ(UseOf(budget).spent, 9 + 40);
}

TEST_F(BridgeSocketTest, AnAnswerThatIsCutIsNotFree) {
  up_.events.pop_back();
  up_.closes = true;
  loop_.RunUntil(Talk({std::string(kCreate)}));
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].charge.basis, CostBasis::kEstimated);
  EXPECT_GT(Calls()[0].charge.cost, 0);
}

TEST_F(BridgeSocketTest, AProviderWithoutWebSocketsSendsAgentsToHttp) {
  up_.status = 404;
  EXPECT_FALSE(loop_.RunUntil(Connect()));
  EXPECT_EQ(head_.status, 426);
  EXPECT_TRUE(Calls().empty());
}

TEST_F(BridgeSocketTest, ACallerHasSoManyOpenAndIsThenSentToHttp) {
  Bridge::Deps deps = MakeDeps();
  deps.limits.websockets_max = 2;
  Bridge bridge(std::move(deps));
  Listening front([&](http::Exchange& e) {
    Caller caller = Box();
    if (e.request().headers.Get("session-id") == "other") caller.sandbox = SandboxId("other");
    return bridge.Serve(std::move(caller), e, "/openai/v1/responses");
  });
  std::swap(front.port, front_.port);
  const auto first = loop_.RunUntil(Connect());
  auto second = loop_.RunUntil(Connect());
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(loop_.RunUntil(Connect()));
  EXPECT_EQ(head_.status, 426);
  session_ = "other";
  EXPECT_TRUE(loop_.RunUntil(Connect())) << "it is a caller's own bound";
  session_ = "s";
  second->reset();
  bool again = false;
  for (int i = 0; i < 1000 && !again; ++i) {
    loop_.RunUntil(Pause());
    again = loop_.RunUntil(Connect()).ok();
  }
  EXPECT_TRUE(again);
  std::swap(front.port, front_.port);
}

TEST_F(BridgeSocketTest, ARefusingGatewayAsksNobody) {
  Bridge::Deps deps = MakeDeps();
  deps.wire.websocket = WireSettings::WebSocket::kRefuse;
  Bridge refusing(std::move(deps));
  Listening front(
      [&](http::Exchange& e) { return refusing.Serve(Box(), e, "/openai/v1/responses"); });
  std::swap(front.port, front_.port);
  EXPECT_FALSE(loop_.RunUntil(Connect()));
  std::swap(front.port, front_.port);
  EXPECT_EQ(head_.status, 426);
  EXPECT_EQ(up_.handshake.size(), 0U);
}

}  // namespace
}  // namespace cove::bridge
