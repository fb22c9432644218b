// What the tests of Bridge share: a Cove http server with the bridge, a scripted upstream and a
// client, all over loopback on one loop; the book in memory.
#pragma once

#include <gtest/gtest.h>

#include "async/timer.h"
#include "base/testing.h"
#include "bridge/bridge.h"

namespace cove::bridge {

inline async::Task<void> RunServer(http::Server* server, net::Listener* listener) {
  (void)co_await server->Serve(*listener);
}

struct Listening {
  explicit Listening(http::Handler handler) : server(std::move(handler)) {
    auto fd = net::ListenTcp(*net::SocketAddress::FromIp("127.0.0.1", 0));
    port = net::LocalAddress(fd->get())->port();
    listener = std::make_unique<net::Listener>(*std::move(fd));
    group.Spawn(RunServer(&server, listener.get()));
  }
  std::string Url(std::string_view path) const {
    return "http://127.0.0.1:" + std::to_string(port) + std::string(path);
  }
  http::Server server;
  std::unique_ptr<net::Listener> listener;
  uint16_t port = 0;
  async::TaskGroup group;
};

// The book, with prices of the test's own.
class BooksFixture : public testing::Test {
 protected:
  explicit BooksFixture(std::string_view prices)
      : store_(*OpenStore()),
        books_({.store = store_.get(), .folder = dir_.path()}, With(prices)),
        client_(pool_) {
    EXPECT_TRUE(loop_.RunUntil(books_.Open()).ok());
  }

  // A caller inside the sandbox "box".
  static Caller Box() {
    Caller caller;
    caller.org = OrgId("org");
    caller.sandbox = SandboxId("box");
    return caller;
  }
  Budget MakeBudget(Micros limit, Unpriced unpriced = Unpriced::kAllow) {
    Budget budget;
    budget.org = OrgId("org");
    budget.limit = limit;
    budget.unpriced = unpriced;
    return *loop_.RunUntil(books_.budgets().Create(budget));
  }
  BudgetUse UseOf(const Budget& budget) { return books_.budgets().UseOf(budget).front(); }
  Said SaidIn(const std::string& id) {
    auto said = loop_.RunUntil(books_.log().ReadSaid(OrgId("org"), std::nullopt, id));
    EXPECT_TRUE(said);
    return said ? *std::move(said) : Said();
  }
  // Those that were refused, newest first.
  std::vector<Call> Refusals() {
    CallFilter filter;
    filter.org = OrgId("org");
    filter.outcome = "refused";
    return *loop_.RunUntil(books_.log().List(filter));
  }
  static async::Task<void> Pause() { co_await async::Sleep(milliseconds(2)); }

  async::Loop loop_;
  async::ThreadPool pool_{1};
  TempDir dir_;
  std::unique_ptr<store::Store> store_;
  Books books_;
  http::Client client_;

 private:
  static Result<std::unique_ptr<store::Store>> OpenStore() {
    return store::OpenSqlite(":memory:", kMigrations);
  }
  static BooksSettings With(std::string_view prices) {
    BooksSettings settings;
    settings.prices = *PriceTable::Parse(prices, "test");
    return settings;
  }
};

using async::Task;

inline constexpr std::string_view kAnswer =
    "event: response.created\n"
    "data: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_9\",\"usage\":null}}\n\n"
    ": comment \xff\xfe\n\ndata: {broken\n\n"
    "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_9\",\"usage\":"
    "{\"input_tokens\":100,\"input_tokens_details\":{\"cached_tokens\":60},\"output_tokens\":20,"
    "\"output_tokens_details\":{\"reasoning_tokens\":5}}}}\n\n";

// What the upstream does with the next request, and what it saw of the last one.
struct ScriptedUpstream {
  enum class Mode { kStream, kError, kCut, kSlow, kHeld };
  Mode mode = Mode::kStream;
  int requests = 0;
  int status = 200;  // but in kError
  std::string answer = std::string(kAnswer);
  std::string retry_after = "7";  // kError
  std::string content_type = "text/event-stream";
  std::string target;
  http::Headers headers;
  std::string body;
  async::Event go;  // kHeld: for the second half of the answer
};

inline Task<void> Answer(ScriptedUpstream& up, http::Exchange& exchange) {
  ++up.requests;
  up.target = exchange.request().target;
  up.headers = exchange.request().headers;
  auto body = co_await http::ReadAll(exchange.body(), 1 << 20);
  up.body = body ? *body : "";
  http::ResponseHead head;
  if (up.mode == ScriptedUpstream::Mode::kError) {
    head.status = 429;
    head.headers.Set("Content-Type", "application/json");
    head.headers.Set("Retry-After", up.retry_after);
    (void)co_await exchange.Respond(head, "{\"error\":{\"message\":\"slow down\"}}");
    co_return;
  }
  head.status = up.status;
  head.headers.Set("Content-Type", up.content_type);
  head.headers.Set("x-request-id", "req_1");
  auto writer = co_await exchange.StartResponse(head);
  if (!writer) co_return;
  const std::string_view answer = up.answer;
  const size_t half = answer.size() / 2;
  (void)co_await (*writer)->Write(answer.substr(0, half));
  if (up.mode == ScriptedUpstream::Mode::kCut) co_return;
  if (up.mode == ScriptedUpstream::Mode::kSlow) co_await async::Sleep(milliseconds(50));
  if (up.mode == ScriptedUpstream::Mode::kHeld) co_await up.go.Wait();
  (void)co_await (*writer)->Write(answer.substr(half));
  (void)co_await (*writer)->Finish();
}

struct Reply {
  int status = 0;
  http::Headers headers;
  std::string body;
  bool cut = false;
};

inline http::ClientRequest Packed(http::ClientRequest request, const char* coding) {
  request.headers.Add("Content-Encoding", coding);
  return request;
}

class BridgeTest : public BooksFixture {
 protected:
  // A call of kAnswer's usage costs 40 + 60 + 20 * 10 = 300 micro-dollars with openai.
  BridgeTest()
      : BooksFixture(
            "openai m 2020-01-01 0 1 - - 10 1000 1000\n"
            "openai dear 2020-01-01 0 5 - - 50 1000 1000\n"
            "openai dearest 2020-01-01 0 9 - - 90 1000 1000\n"
            "first m 2020-01-01 0 2 - - 20 1000 1000\n"
            "rock claude-opus-4-8 2020-01-01 0 1 - - 10 9999 1000\n"),
        upstream_([this](http::Exchange& e) { return Answer(up_, e); }),
        bridge_(MakeDeps()),
        front_([this](http::Exchange& e) { return Serve(e); }) {}

  Bridge::Deps MakeDeps() {
    Provider openai;
    openai.name = "openai";
    openai.base = *http::Url::Parse(upstream_.Url("/v1"));
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
    Provider rock = openai;
    rock.name = "rock";
    rock.kind = ProviderKind::kBedrock;
    rock.base.target.clear();
    rock.region = "eu-west-1";
    rock.keys = {{Secret("secret"), "1", "AKIDOFCOVE", Secret("session-of-cove")}};
    Provider bearer = rock;
    bearer.name = "rock-bearer";
    bearer.keys = {{Secret("bedrock-api-key"), "1", "", Secret()}};
    deps.providers = {openai, nokey, down, claude, first, rock, bearer};
    deps.limits.request_bytes_max = 4096;
    deps.wire.aliases = {
        {"fast", "gpt-5.5-mini"},
        {"rock-fast", "arn:aws:bedrock:eu-west-1:1:application-inference-profile/a"}};
    deps.may_reach = [](const SandboxId&, const http::Url& url) {
      return url.scheme == "https" && url.host == "allowed.test";
    };
    return deps;
  }

  Task<void> Serve(http::Exchange& exchange) { return ServeBy(bridge_, exchange); }
  static Task<void> ServeBy(Bridge& bridge, http::Exchange& exchange) {
    std::string path(exchange.request().RawPath());
    return bridge.Serve(Box(), exchange, std::move(path));
  }

  Task<Reply> Send(http::ClientRequest request, std::string path) {
    request.url = *http::Url::Parse(front_.Url(path));
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

  // The calls in the book that were made, newest first, once they have ended.
  std::vector<Call> Calls() {
    CallFilter filter;
    filter.org = OrgId("org");
    for (int i = 0; i < 500; ++i) {
      auto calls = loop_.RunUntil(books_.log().List(filter));
      EXPECT_TRUE(calls.ok());
      std::erase_if(*calls, [](const Call& c) { return c.end.outcome == Outcome::kRefused; });
      const bool open = !calls->empty() && !calls->front().ended_at;
      if (!open) return *calls;
      loop_.RunUntil(Pause());
    }
    ADD_FAILURE() << "the call did not end";
    return {};
  }

  ScriptedUpstream up_;
  Listening upstream_;
  Bridge bridge_;
  Listening front_;
};

}  // namespace cove::bridge
