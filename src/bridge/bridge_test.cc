// Goal: a call goes to its provider with the real key, comes back byte for byte, and is in the
// book, whatever happens on the way.
// Method: a Cove http server with the bridge, a scripted upstream and a client, all over loopback
// on one loop; the book in memory.
#include "bridge/bridge.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include "async/timer.h"
#include "bridge/call_json.h"

namespace cove::bridge {
namespace {

using async::Task;

constexpr std::string_view kAnswer =
    "event: response.created\n"
    "data: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_9\",\"usage\":null}}\n\n"
    ": comment \xff\xfe\n\ndata: {broken\n\n"
    "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_9\",\"usage\":"
    "{\"input_tokens\":100,\"input_tokens_details\":{\"cached_tokens\":60},\"output_tokens\":20,"
    "\"output_tokens_details\":{\"reasoning_tokens\":5}}}}\n\n";

// What the upstream does with the next request, and what it saw of the last one.
struct Upstream {
  enum class Mode { kStream, kError, kCut, kSlow };
  Mode mode = Mode::kStream;
  int requests = 0;
  std::string answer = std::string(kAnswer);
  std::string target;
  http::Headers headers;
  std::string body;
};

Task<void> Answer(Upstream& up, http::Exchange& exchange) {
  ++up.requests;
  up.target = exchange.request().target;
  up.headers = exchange.request().headers;
  auto body = co_await http::ReadAll(exchange.body(), 1 << 20);
  up.body = body ? *body : "";
  http::ResponseHead head;
  if (up.mode == Upstream::Mode::kError) {
    head.status = 429;
    head.headers.Set("Content-Type", "application/json");
    head.headers.Set("Retry-After", "7");
    (void)co_await exchange.Respond(head, "{\"error\":{\"message\":\"slow down\"}}");
    co_return;
  }
  head.headers.Set("Content-Type", "text/event-stream");
  head.headers.Set("x-request-id", "req_1");
  auto writer = co_await exchange.StartResponse(head);
  if (!writer) co_return;
  const std::string_view answer = up.answer;
  const size_t half = answer.size() / 2;
  (void)co_await (*writer)->Write(answer.substr(0, half));
  if (up.mode == Upstream::Mode::kCut) co_return;
  if (up.mode == Upstream::Mode::kSlow) co_await async::Sleep(milliseconds(50));
  (void)co_await (*writer)->Write(answer.substr(half));
  (void)co_await (*writer)->Finish();
}

Task<void> RunServer(http::Server* server, net::Listener* listener) {
  (void)co_await server->Serve(*listener);
}

struct Listening {
  explicit Listening(http::Handler handler) : server(std::move(handler)) {
    auto fd = net::ListenTcp(*net::SocketAddress::FromIp("127.0.0.1", 0));
    port = net::LocalAddress(fd->get())->port();
    listener = std::make_unique<net::Listener>(*std::move(fd));
    group.Spawn(RunServer(&server, listener.get()));
  }
  http::Server server;
  std::unique_ptr<net::Listener> listener;
  uint16_t port = 0;
  async::TaskGroup group;
};

struct Reply {
  int status = 0;
  http::Headers headers;
  std::string body;
  bool cut = false;
};

class BridgeTest : public testing::Test {
 protected:
  BridgeTest()
      : store_(*OpenSqlite()),
        books_({.store = store_.get()}, Prices()),
        client_(pool_),
        upstream_([this](http::Exchange& e) { return Answer(up_, e); }),
        bridge_(MakeDeps()),
        front_([this](http::Exchange& e) { return Serve(e); }) {
    EXPECT_TRUE(loop_.RunUntil(books_.Open()).ok());
  }

  static Result<std::unique_ptr<store::Store>> OpenSqlite() {
    return store::OpenSqlite(":memory:", kMigrations);
  }

  // A call of kAnswer's usage costs 40 + 60 + 20 * 10 = 300 micro-dollars with openai.
  static BooksSettings Prices() {
    BooksSettings settings;
    settings.prices = *PriceTable::Parse(
        "openai m 2020-01-01 0 1 - - 10 1000 1000\nfirst m 2020-01-01 0 2 - - 20 1000 1000\n",
        "test");
    return settings;
  }

  Bridge::Deps MakeDeps() {
    Provider openai;
    openai.name = "openai";
    openai.base = *http::Url::Parse("http://127.0.0.1:" + std::to_string(upstream_.port) + "/v1");
    openai.keys = {{Secret("real-key"), "1"}};
    Provider nokey = openai;
    nokey.name = "nokey";
    nokey.keys.clear();
    nokey.key_hint = "set NOKEY_API_KEY for `cove serve`";
    Provider down = openai;
    down.name = "down";
    down.base = *http::Url::Parse("http://127.0.0.1:1/v1");
    Provider first = down;
    first.name = "first";
    first.fallback = "openai";
    first.retries = 0;
    Bridge::Deps deps;
    deps.books = &books_;
    deps.resolver_pool = &pool_;
    Provider claude = openai;
    claude.name = "claude";
    claude.kind = ProviderKind::kAnthropic;
    deps.providers = {openai, nokey, down, claude, first};
    deps.limits.request_bytes_max = 4096;
    deps.wire.aliases = {{"fast", "gpt-5.5-mini"}};
    deps.may_reach = [](const SandboxId&, const http::Url& url) {
      return url.scheme == "https" && url.host == "allowed.test";
    };
    return deps;
  }

  Task<void> Serve(http::Exchange& exchange) { return ServeBy(bridge_, exchange); }
  static Task<void> ServeBy(Bridge& bridge, http::Exchange& exchange) {
    Caller caller;
    caller.org = OrgId("org");
    caller.sandbox = SandboxId("box");
    std::string path(exchange.request().RawPath());
    return bridge.Serve(std::move(caller), exchange, std::move(path));
  }

  Budget MakeBudget(Micros limit) {
    Budget budget;
    budget.org = OrgId("org");
    budget.limit = limit;
    budget.unpriced = Unpriced::kAllow;
    return *loop_.RunUntil(books_.budgets().Create(budget));
  }
  BudgetUse UseOf(const Budget& budget) { return books_.budgets().UseOf(budget).front(); }

  Task<Reply> Send(http::ClientRequest request, std::string path) {
    request.url = *http::Url::Parse("http://127.0.0.1:" + std::to_string(front_.port) + path);
    auto response = co_await client_.Send(std::move(request));
    Reply reply;
    if (!response) co_return reply;
    reply.status = (*response)->head().status;
    reply.headers = (*response)->head().headers;
    char buffer[256];
    for (;;) {
      auto got = co_await (*response)->body().Read(buffer);
      reply.cut = !got;
      if (!got || *got == 0) break;
      reply.body.append(buffer, *got);
    }
    co_return reply;
  }

  static http::ClientRequest Post(std::string body) {
    http::ClientRequest request;
    request.method = "POST";
    request.headers = {{"Authorization", "Bearer of-the-sandbox"},
                       {"User-Agent", "codex_exec/0.169.0"},
                       {"thread-id", "t1"}};
    request.body = std::move(body);
    return request;
  }

  Reply Run(http::ClientRequest request, std::string path) {
    return loop_.RunUntil(Send(std::move(request), std::move(path)));
  }

  // The only call in the book, once it has ended.
  std::vector<Call> Calls() {
    CallFilter filter;
    filter.org = OrgId("org");
    for (int i = 0; i < 500; ++i) {
      auto calls = loop_.RunUntil(books_.log().List(filter));
      EXPECT_TRUE(calls.ok());
      const bool open = !calls->empty() && !calls->front().ended_at;
      if (!open) return *calls;
      loop_.RunUntil(Pause());
    }
    ADD_FAILURE() << "the call did not end";
    return {};
  }
  static Task<void> Pause() { co_await async::Sleep(milliseconds(2)); }

  async::Loop loop_;
  async::ThreadPool pool_{1};
  std::unique_ptr<store::Store> store_;
  Books books_;
  Upstream up_;
  http::Client client_;
  Listening upstream_;
  Bridge bridge_;
  Listening front_;
};

TEST_F(BridgeTest, AStreamPassesByteForByteAndIsCounted) {
  const std::string body = R"({"model":"gpt-5.5","stream":true,"odd":  1.0})";
  const Reply reply = Run(Post(body), "/openai/v1/responses?x=1");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, kAnswer);
  EXPECT_EQ(reply.headers.Get("x-request-id"), "req_1");
  EXPECT_EQ(up_.body, body);
  EXPECT_EQ(up_.target, "/v1/responses?x=1");
  EXPECT_EQ(up_.headers.Get("authorization"), "Bearer real-key");

  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 1U);
  const Call& call = calls[0];
  EXPECT_EQ(call.start.sandbox.value, "box");
  EXPECT_EQ(call.start.model, "gpt-5.5");
  EXPECT_EQ(call.start.thread, "t1");
  EXPECT_EQ(call.end.outcome, Outcome::kCompleted);
  EXPECT_EQ(call.end.status, 200);
  EXPECT_EQ(call.end.usage.input, 40);
  EXPECT_EQ(call.end.usage.cached, 60);
  EXPECT_EQ(call.end.usage.output, 20);
  EXPECT_EQ(call.end.usage.reasoning, 5);
  EXPECT_EQ(call.end.response_id, "resp_9");
  EXPECT_EQ(call.end.response_bytes, kAnswer.size());
  EXPECT_EQ(call.end.request_id, "req_1");
  EXPECT_TRUE(call.end.first_byte.has_value());
}

TEST_F(BridgeTest, AnErrorOfTheProviderComesUnchanged) {
  up_.mode = Upstream::Mode::kError;
  const Reply reply = Run(Post(R"({"model":"m"})"), "/openai/v1/responses");
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.body, "{\"error\":{\"message\":\"slow down\"}}");
  EXPECT_EQ(reply.headers.Get("retry-after"), "7");
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].end.outcome, Outcome::kRejected);
  EXPECT_EQ(Calls()[0].end.status, 429);
}

TEST_F(BridgeTest, AnAnswerThatIsCutDoesNotLookWhole) {
  up_.mode = Upstream::Mode::kCut;
  const Reply reply = Run(Post(R"({"model":"m"})"), "/openai/v1/responses");
  EXPECT_TRUE(reply.cut);
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].end.outcome, Outcome::kBroken);
  EXPECT_FALSE(Calls()[0].end.usage.known);
}

TEST_F(BridgeTest, AProviderThatIsDownIsNamed) {
  const Reply reply = Run(Post(R"({"model":"m"})"), "/down/v1/responses");
  EXPECT_EQ(reply.status, 502);
  EXPECT_NE(reply.body.find("cove_provider_unreachable"), std::string::npos) << reply.body;
  EXPECT_NE(reply.body.find("http://127.0.0.1:1"), std::string::npos) << reply.body;
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].end.outcome, Outcome::kUnreachable);
}

TEST_F(BridgeTest, WithoutAKeyNothingIsSentAndTheTextSaysWhatToDo) {
  const Reply reply = Run(Post(R"({"model":"m"})"), "/nokey/v1/responses");
  EXPECT_EQ(reply.status, 401);
  EXPECT_NE(reply.body.find("set NOKEY_API_KEY"), std::string::npos) << reply.body;
  EXPECT_EQ(up_.requests, 0);
  EXPECT_TRUE(Calls().empty());
}

TEST_F(BridgeTest, WhatIsNotServedNeverReachesTheProvider) {
  EXPECT_EQ(Run(Post(R"({"background":true})"), "/openai/v1/responses").status, 501);
  EXPECT_EQ(Run(Post("not json"), "/openai/v1/responses").status, 400);
  EXPECT_EQ(Run(Post(std::string(5000, 'x')), "/openai/v1/responses").status, 413);
  EXPECT_EQ(Run(Post("{}"), "/openai/v1/files").status, 404);
  EXPECT_EQ(Run(Post("{}"), "/unknown/v1/responses").status, 404);
  EXPECT_EQ(Run(Post("{}"), "/").status, 404);
  for (const char* path :
       {"/openai/v1//responses", "//openai/v1/responses", "/openai//v1/responses",
        "/openai/v1/responses/", "/openai/v1/../v1/responses", "/openai%2fv1/responses",
        "/./openai/v1/responses", "/openai/v1/%2e%2e/files", "/openai/v1/responses%2f..%2ffiles",
        "/OPENAI/v1/responses", "/openai/v1/responses%3fa"}) {
    EXPECT_EQ(Run(Post("{}"), path).status, 404) << path;
  }
  http::ClientRequest upgrade;
  upgrade.headers = {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}};
  EXPECT_EQ(Run(std::move(upgrade), "/openai/v1/responses").status, 400) << "it is no handshake";
  EXPECT_EQ(up_.requests, 0);
  EXPECT_TRUE(Calls().empty());
}

TEST_F(BridgeTest, AProviderIsNotSentWhereTheSandboxMayNotGo) {
  for (const char* request :
       {R"({"tools":[{"type":"mcp","server_url":"https://evil.test/x"}]})",
        R"({"input":[{"content":[{"type":"input_file","file_url":"https://evil.test/x"}]}]})",
        R"({"input":[{"content":[{"image_url":"https://allowed.test@evil.test/x"}]}]})",
        R"({"messages":[{"content":[{"image_url":{"url":"HTTPS://EVIL.test"}}]}]})",
        R"({"messages":[{"content":[{"source":{"type":"url","url":"ftp://allowed.test/x"}}]}]})",
        R"({"mcp_servers":[{"url":"https://allowed.test"},{"url":"https://evil.test"}]})"}) {
    const Reply reply = Run(Post(request), "/openai/v1/responses");
    EXPECT_EQ(reply.status, 403) << request;
    EXPECT_NE(reply.body.find("cove_url_not_allowed"), std::string::npos);
  }
  for (const char* request :
       {R"({"tools":[{"type":"mcp","server_url":"https://allowed.test/x"}]})",
        R"({"input":[{"content":[{"image_url":"data:image/png;base64,AA"}]}]})",
        R"({"input":"see https://evil.test","metadata":{"url":"https://evil.test"}})"}) {
    EXPECT_NE(Run(Post(request), "/openai/v1/responses").status, 403) << request;
  }
}

Said SaidIn(async::Loop& loop, Books& books, const std::string& id) {
  auto said = loop.RunUntil(books.log().ReadSaid(OrgId("org"), std::nullopt, id));
  EXPECT_TRUE(said);
  return said ? *std::move(said) : Said();
}

TEST_F(BridgeTest, WhatWasSaidIsKeptUnderTheCallsId) {
  Run(Post(R"({"model":"m","input":"password=hunter22 is mine"})"), "/openai/v1/responses");
  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 1U);
  const Said said = SaidIn(loop_, books_, calls[0].id);
  EXPECT_EQ(said.prompt, "password=[redacted] is mine");
  EXPECT_EQ(said.alias, "");
}

TEST_F(BridgeTest, AnAliasIsPutIntoTheBodyAndTheBookHasBoth) {
  Run(Post(R"({"model": "fast" ,"odd":1.0})"), "/openai/v1/responses");
  EXPECT_EQ(up_.body, R"({"model": "gpt-5.5-mini" ,"odd":1.0})");
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].start.model, "gpt-5.5-mini");
  EXPECT_EQ(SaidIn(loop_, books_, Calls()[0].id).alias, "fast");
}

std::string Zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

http::ClientRequest Packed(http::ClientRequest request, const char* coding) {
  request.headers.Add("Content-Encoding", coding);
  return request;
}

TEST_F(BridgeTest, ACompressedRequestIsJudgedAndForwardedAsItCame) {
  const std::string packed = Zstd(R"({"model":"gpt-5.5","input":"hi"})");
  EXPECT_EQ(Run(Packed(Post(packed), "zstd"), "/openai/v1/responses").status, 200);
  EXPECT_EQ(up_.body, packed);
  EXPECT_EQ(up_.headers.Get("content-encoding"), "zstd");
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].start.model, "gpt-5.5");
  EXPECT_EQ(Calls()[0].start.request_bytes, 32U) << "what a budget reckons with is the text";

  Run(Packed(Post(Zstd(R"({"model":"fast"})")), "zstd"), "/openai/v1/responses");
  EXPECT_EQ(up_.body, R"({"model":"gpt-5.5-mini"})") << "what is edited goes plain";
  EXPECT_FALSE(up_.headers.Has("content-encoding"));

  up_.requests = 0;
  const auto status = [&](const std::string& body, const char* coding) {
    return Run(Packed(Post(body), coding), "/openai/v1/responses").status;
  };
  EXPECT_EQ(status(Zstd(R"({"background":true})"), "zstd"), 501);
  EXPECT_EQ(status(Zstd(R"({"x":{"server_url":"https://evil.test"}})"), "zstd"), 403);
  EXPECT_EQ(status(Zstd(std::string(100'000, ' ')), "zstd"), 413) << "a bomb";
  EXPECT_EQ(status("{}", "gzip"), 400);
  EXPECT_EQ(status("{}", "br"), 415);
  EXPECT_EQ(up_.requests, 0);
}

TEST_F(BridgeTest, AKeyThatStandsTwiceIsNotSent) {
  const Reply reply = Run(Post(R"({"model":"a","model":"b"})"), "/openai/v1/responses");
  EXPECT_EQ(reply.status, 400);
  EXPECT_NE(reply.body.find("has a key twice"), std::string::npos) << reply.body;
  EXPECT_EQ(up_.requests, 0);
}

TEST_F(BridgeTest, AStreamThatDidNotAskForItsUsageTellsItToTheBookOnly) {
  const std::string first = "data: {\"id\":\"c\",\"choices\":[{\"delta\":{}}],\"usage\":null}\n\n";
  const std::string done = "data: [DONE]\n\n";
  up_.answer = first +
               "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,"
               "\"completion_tokens\":2}}\n\n" +
               done;
  const Reply reply = Run(Post(R"({"model":"m","stream":true})"), "/openai/v1/chat/completions");
  EXPECT_EQ(up_.body, R"({"stream_options":{"include_usage":true},"model":"m","stream":true})");
  EXPECT_EQ(reply.body, first + done);
  ASSERT_EQ(Calls().size(), 1U);
  EXPECT_EQ(Calls()[0].end.usage.input, 3);
  EXPECT_EQ(Calls()[0].end.usage.output, 2);
}

TEST_F(BridgeTest, ACallThatIsOnlyCountedMakesNoProviderFetchEither) {
  const char* const request =
      R"({"messages":[{"content":[{"source":{"type":"url","url":"https://evil.test/x"}}]}]})";
  EXPECT_EQ(Run(Post(request), "/claude/v1/messages/count_tokens").status, 403);
  EXPECT_EQ(Run(Post("[]"), "/claude/v1/messages/count_tokens").status, 400);
  EXPECT_EQ(up_.requests, 0);
  EXPECT_EQ(Run(Post(R"({"messages":[]})"), "/claude/v1/messages/count_tokens").status, 200);
}

TEST_F(BridgeTest, ModelsPassWithoutARow) {
  const Reply reply = Run({}, "/openai/v1/models?client_version=1");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(up_.target, "/v1/models?client_version=1");
  EXPECT_TRUE(Calls().empty());
}

// Asks, and waits for the first byte of the answer.
Task<net::StreamPtr> Ask(uint16_t port) {
  auto stream =
      co_await net::Connect(*net::SocketAddress::FromIp("127.0.0.1", port), Now() + seconds(5));
  (void)co_await (*stream)->Write(
      "POST /openai/v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: "
      "26\r\n\r\n{\"model\":\"m\",\"input\":\"hi\"}");
  char byte[1];
  (void)co_await (*stream)->Read(byte);
  co_return *std::move(stream);
}

TEST_F(BridgeTest, AnAgentThatLeavesIsStillChargedForWhatItAsked) {
  up_.mode = Upstream::Mode::kSlow;
  loop_.RunUntil(Ask(front_.port))->MarkAborted();
  for (int i = 0; i < 500 && Calls().empty(); ++i) loop_.RunUntil(Pause());
  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_TRUE(calls[0].end.usage.known);
  EXPECT_EQ(calls[0].end.usage.output, 20);
}

TEST_F(BridgeTest, ACallWhoseConnectionIsTakenDownIsHeardOutAndSettled) {
  const Budget budget = MakeBudget(1'000'000);
  up_.mode = Upstream::Mode::kSlow;
  const net::StreamPtr agent = loop_.RunUntil(Ask(front_.port));
  front_.group.Clear();
  EXPECT_EQ(UseOf(budget).in_flight, 1) << "the provider still works for it";
  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].end.outcome, Outcome::kClientGone);
  EXPECT_EQ(calls[0].end.usage.output, 20);
  EXPECT_EQ(calls[0].charge.cost, 300);
  loop_.RunUntil(bridge_.Flush(Now() + seconds(5)));
  EXPECT_EQ(UseOf(budget).spent, 300);
  EXPECT_EQ(UseOf(budget).held, 0);
  EXPECT_EQ(UseOf(budget).in_flight, 0);
  EXPECT_EQ(SaidIn(loop_, books_, calls[0].id).prompt, "hi");
}

TEST_F(BridgeTest, ACallThatFallsBackIsOneRowOfWhoAnsweredAtItsPrice) {
  const Budget budget = MakeBudget(1'000'000);
  EXPECT_EQ(Run(Post(R"({"model":"m"})"), "/first/v1/responses").status, 200);
  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].start.provider, "openai");
  EXPECT_EQ(calls[0].start.fallback_from, "first");
  EXPECT_EQ(calls[0].end.key_hint, "1");
  EXPECT_EQ(calls[0].charge.cost, 300);
  EXPECT_EQ(UseOf(budget).spent, 300);
}

TEST_F(BridgeTest, AReplayedCallIsInTheBooksAsTheRecordedOneWas) {
  char path[] = "/tmp/cove-bridge-XXXXXX";
  UniqueFd file(mkstemp(path));
  const auto with = [&](TapeConfig::Mode mode, http::ClientRequest request) {
    Bridge::Deps deps = MakeDeps();
    deps.tape = *Tape::Open({.mode = mode, .path = path}, pool_);
    Bridge bridge(std::move(deps));
    Listening front([&](http::Exchange& e) { return ServeBy(bridge, e); });
    std::swap(front.port, front_.port);
    Reply reply = Run(std::move(request), "/openai/v1/responses");
    std::swap(front.port, front_.port);
    Calls();
    loop_.RunUntil(bridge.Flush(Now() + seconds(5)));
    return reply;
  };
  const std::string asked = R"({"model":"m","input":"hi","prompt_cache_key":"one"})";
  const Reply recorded = with(TapeConfig::Mode::kRecord, Packed(Post(Zstd(asked)), "zstd"));
  EXPECT_EQ(up_.requests, 1);
  const Budget budget = MakeBudget(600);
  // The same question, but for a label, and not compressed.
  const Reply replayed =
      with(TapeConfig::Mode::kReplay, Post(R"({"input":"hi","model":"m","prompt_cache_key":"2"})"));
  EXPECT_EQ(with(TapeConfig::Mode::kReplay, Post(asked)).status, 403) << "its budget is used up";
  unlink(path);
  EXPECT_EQ(up_.requests, 1);
  EXPECT_EQ(replayed.status, 200) << replayed.body;
  EXPECT_EQ(replayed.body, recorded.body);
  const auto calls = Calls();
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[1].charge.basis, CostBasis::kUsage);
  EXPECT_EQ(calls[0].charge.basis, CostBasis::kUsage);
  EXPECT_EQ(calls[0].charge.cost, 300);
  EXPECT_EQ(calls[0].end.usage.output, 20);
  EXPECT_EQ(UseOf(budget).spent, 600);
}

TEST_F(BridgeTest, TotalsAreByModel) {
  for (int i = 0; i < 3; ++i) Run(Post(R"({"model":"m"})"), "/openai/v1/responses");
  Calls();
  CallFilter filter;
  filter.org = OrgId("org");
  filter.sandbox = SandboxId("box");
  auto totals = loop_.RunUntil(books_.log().Sum(filter, {Group::kModel}));
  ASSERT_TRUE(totals.ok());
  ASSERT_EQ(totals->size(), 1U);
  EXPECT_EQ((*totals)[0].calls, 3);
  EXPECT_EQ((*totals)[0].output, 60);
  EXPECT_EQ(json::GetInt(ToJson((*totals)[0], {Group::kModel}), "outputTokens"), 60);
  auto rows = loop_.RunUntil(books_.log().List(filter));
  ASSERT_TRUE(rows.ok());
  ASSERT_EQ(rows->size(), 3U);
  const json::Object row = ToJson(rows->front());
  EXPECT_EQ(json::GetString(row, "model"), "m");
  EXPECT_EQ(json::GetInt(row, "status"), 200);
  EXPECT_EQ(json::GetInt(row, "inputTokens"), 40);
  filter.sandbox = SandboxId("other");
  EXPECT_TRUE(loop_.RunUntil(books_.log().Sum(filter, {Group::kModel}))->empty());
}

TEST_F(BridgeTest, WhatABudgetRefusesNeverReachesTheProvider) {
  MakeBudget(0);
  const Reply reply = Run(Post(R"({"model":"m"})"), "/openai/v1/responses");
  EXPECT_EQ(reply.status, 403);
  EXPECT_NE(reply.body.find("\"code\":\"cove_budget_exhausted\""), std::string::npos) << reply.body;
  EXPECT_EQ(up_.requests, 0);
  EXPECT_TRUE(Calls().empty());
  EXPECT_EQ(Run({}, "/openai/v1/models").status, 200) << "what costs nothing goes on";
}

}  // namespace
}  // namespace cove::bridge
