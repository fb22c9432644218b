// Goal: what a provider answered is given again byte for byte, to the same question or in order,
// and no credential is in the file. Method: lines in memory; then a provider on loopback recorded
// through an Upstream, and replayed by one whose provider does not exist.
#include "bridge/cassette.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "bridge/request_hash.h"
#include "bridge/upstream.h"
#include "http/packing_test.h"
#include "http/server.h"

namespace cove::bridge {
namespace {

using async::Task;

RecordedCall Call(std::string hash, std::string body) {
  RecordedCall out;
  out.kind = "openai";
  out.method = "POST";
  out.path = "/v1/responses";
  out.hash = std::move(hash);
  out.body = std::move(body);
  return out;
}

std::string Hash(std::string_view body) {
  return RequestHash(ProviderKind::kOpenAi, "POST", "/v1/responses", body);
}

TEST(RequestHashTest, OrderBlanksNumbersFormAndLabelsDoNotMatter) {
  const std::string hash = Hash(R"({"model":"m","n":1,"t":0.5,"input":[{"a":"é"},null,true]})");
  for (const char* same :
       {R"({ "input" : [{"a":"\u00e9"}, null, true], "n":1.0, "t":5e-1, "model":"m" })",
        R"({"model":"m","n":1,"t":0.5,"input":[{"a":"é"},null,true],"prompt_cache_key":"x",)"
        R"("client_metadata":{},"metadata":{"user_id":"u"},"user":"u","safety_identifier":"s"})"}) {
    EXPECT_EQ(Hash(same), hash) << same;
  }
  for (const char* other :
       {R"({"model":"m","n":2,"t":0.5,"input":[{"a":"é"},null,true]})",
        R"({"model":"m","n":1,"t":0.25,"input":[{"a":"é"},null,true]})",
        R"({"model":"m","n":"1","t":0.5,"input":[{"a":"é"},null,true]})",
        R"({"model":"m","n":1,"t":0.5,"input":[{"a":"é","user":"u"},null,true]})", "x"}) {
    EXPECT_NE(Hash(other), hash) << other;
  }
}

// The same is in tests/model/model.test.mjs: both sides must agree.
TEST(RequestHashTest, IsTheOneOfTheFormat) {
  EXPECT_EQ(
      Hash(
          R"({"model":"gpt-5.5","stream":true,"temperature":0.7,"top":-3,"x":[1e300,"ü"],"b":{"z":null,"a":false}})"),
      "bbca2fd75e793a3e7756da4d94e7d2e37ebabaef136678076a3ab1323ccd1f78");
}

TEST(CassetteTest, ALineGivesBackWhatWasWritten) {
  for (const std::string& body : {std::string("data: {\"a\":\"é\\n\"}\r\n\r\n"), std::string(),
                                  std::string("\xff\xfe\0x", 4), std::string(1, '\x80')}) {
    RecordedCall call = Call("h", body);
    call.status = 429;
    call.headers = {{"content-type", "text/event-stream"}, {"retry-after", "3"}};
    const std::string line = CassetteLine(call);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    const auto got = ParseCassetteLine(line);
    ASSERT_TRUE(got.ok()) << got.error().message();
    EXPECT_EQ(got->body, body);
    EXPECT_EQ(got->status, 429);
    EXPECT_EQ(got->headers.Get("Retry-After"), "3");
  }
  for (const char* bad :
       {"", "[]", "{}", R"({"kind":"openai","method":"POST","path":"/","status":99})",
        R"({"kind":"a","method":"b","path":"c","status":200,"body_base64":"?"})"}) {
    EXPECT_FALSE(ParseCassetteLine(bad).ok()) << bad;
  }
}

TEST(CassetteTest, ExactMeansTheSameQuestionEachTimeItsNextAnswer) {
  Cassette tape({Call("a", "a1"), Call("b", "b1"), Call("a", "a2")}, Cassette::Match::kExact);
  auto ask = [&](const char* who, const char* hash) {
    const RecordedCall* got = tape.Next(who, Call(hash, ""));
    return got == nullptr ? "" : got->body;
  };
  EXPECT_EQ(ask("x", "b"), "b1");
  EXPECT_EQ(ask("x", "a"), "a1");
  EXPECT_EQ(ask("y", "a"), "a1") << "each caller begins at the start";
  EXPECT_EQ(ask("x", "a"), "a2");
  EXPECT_EQ(ask("x", "a"), "a2");
  EXPECT_EQ(ask("x", "c"), "");
}

TEST(CassetteTest, OrderMeansTheNextOneOfTheRoute) {
  RecordedCall models = Call("m", "models");
  models.method = "GET";
  models.path = "/v1/models";
  Cassette tape({Call("a", "1"), models, Call("b", "2")}, Cassette::Match::kOrder);
  auto ask = [&](const char* who, const RecordedCall& what) {
    const RecordedCall* got = tape.Next(who, what);
    return got == nullptr ? "" : got->body;
  };
  EXPECT_EQ(ask("x", Call("?", "")), "1");
  EXPECT_EQ(ask("y", Call("?", "")), "1");
  EXPECT_EQ(ask("x", models), "models");
  EXPECT_EQ(ask("x", models), "models");
  EXPECT_EQ(ask("x", Call("?", "")), "2");
  EXPECT_EQ(ask("x", Call("?", "")), "") << "there are no more";
}

constexpr std::string_view kKey = "sk-secret-of-the-operator-1234";

Task<void> Answer(http::Exchange& x) {
  auto body = co_await http::ReadAll(x.body(), 1 << 20);
  http::ResponseHead head;
  head.headers = {{"Content-Type", "text/event-stream"},
                  {"x-request-id", "req_1"},
                  {"Set-Cookie", "session=secret-cookie"}};
  auto writer = co_await x.StartResponse(head);
  if (!writer) co_return;
  const std::string text = "data: 1 " + (body ? *body : "") + "\n\ndata: you used " +
                           std::string(kKey) + " and " +
                           std::string(x.request().headers.Get("x-other").value_or("")) + "\n\n";
  for (size_t i = 0; i < text.size(); i += 7) (void)co_await (*writer)->Write(text.substr(i, 7));
  (void)co_await (*writer)->Finish();
}

// Compresses without being asked: as the request's text says, or else as no client understands.
Task<void> AnswerPacked(http::Exchange& x) {
  const auto body = co_await http::ReadAll(x.body(), 1 << 20);
  const std::string plain = R"({"said":")" + std::string(kKey) + R"("})";
  http::ResponseHead head;
  head.headers = {{"Content-Type", "application/json"}};
  std::string coding = body->substr(0, body->find(' '));
  head.headers.Add("Content-Encoding", coding);
  std::string packed = coding == "gzip"   ? http::Gzip(plain)
                       : coding == "zstd" ? http::Zstd(plain)
                                          : "no such coding";
  if (body->ends_with("cut")) packed.resize(packed.size() / 2);
  (void)co_await x.Respond(std::move(head), std::move(packed));
}

// A provider on a port of its own.
struct Served {
  explicit Served(http::Handler handler) : server(std::move(handler)) { group.Spawn(Run()); }
  Task<void> Run() { (void)co_await server.Serve(listener); }

  net::Listener listener{*net::ListenTcp(*net::SocketAddress::FromIp("127.0.0.1", 0))};
  http::Server server;
  const std::string url =
      "http://127.0.0.1:" + std::to_string(net::LocalAddress(listener.fd())->port()) + "/v1";
  async::TaskGroup group;
};

struct Got {
  int status = 0;
  std::string body;
  size_t pieces = 0;
  std::string code;
};

Task<Got> Ask(Upstream* upstream, std::string body, std::string caller) {
  const http::RequestHead head{
      "POST", "/v1/responses", {{"Authorization", "Bearer own-credential-of-agent"}}};
  Outgoing call;
  call.provider = upstream->Find("openai");
  call.path = "/v1/responses";
  call.target = "/responses";
  call.agent = &head;
  call.asked = Hash(body);
  call.body = std::move(body);
  call.caller = std::move(caller);
  Sent sent = co_await upstream->Send(std::move(call));
  Got out;
  out.code = sent.refusal.code;
  if (sent.response == nullptr) co_return out;
  out.status = sent.response->head().status;
  char buffer[4096];
  for (;; ++out.pieces) {
    auto got = co_await sent.response->body().Read(buffer);
    if (!got || *got == 0) break;
    out.body.append(buffer, *got);
  }
  co_return out;
}

class TapeTest : public testing::Test {
 protected:
  TapeTest() : path_("/tmp/cove-tape-test-" + std::to_string(getpid())) {}
  ~TapeTest() override { std::filesystem::remove(path_); }

  std::unique_ptr<Upstream> Make(TapeConfig::Mode mode, const std::string& url, bool with_key,
                                 Cassette::Match match = Cassette::Match::kExact) {
    Provider provider;
    provider.name = "openai";
    provider.base = *http::Url::Parse(url);
    if (with_key) provider.keys = {{Secret(std::string(kKey)), "1"}};
    auto tape = Tape::Open({mode, path_, match}, pool_);
    EXPECT_TRUE(tape.ok());
    return std::make_unique<Upstream>(std::vector<Provider>{provider}, pool_, *std::move(tape));
  }
  std::string File() const {
    std::ostringstream out;
    out << std::ifstream(path_).rdbuf();
    return out.str();
  }

  const std::string path_;
  async::Loop loop_;
  async::ThreadPool pool_{1};
};

TEST_F(TapeTest, WhatWasRecordedIsReplayedWithoutAnyProviderOrKey) {
  const Served served(&Answer);
  std::string first;
  {
    auto upstream = Make(TapeConfig::Mode::kRecord, served.url, true);
    first = loop_.RunUntil(Ask(upstream.get(), R"({"model":"m","input":"first"})", "box")).body;
    EXPECT_NE(first.find(kKey), first.npos) << "what the agent gets is not touched";
    loop_.RunUntil(Ask(upstream.get(), R"({"model":"m","input":"second"})", "box"));
  }
  {
    auto again = Make(TapeConfig::Mode::kRecord, served.url, true);
  }
  const std::string file = File();
  EXPECT_TRUE(file.starts_with(kCassetteHead));
  EXPECT_EQ(file.find(kCassetteHead, 1), file.npos) << "a further recording adds to it";
  for (const std::string_view secret :
       {kKey, std::string_view("own-credential"), std::string_view("secret-cookie")}) {
    EXPECT_EQ(file.find(secret), file.npos) << secret;
  }

  auto replay = Make(TapeConfig::Mode::kReplay, "http://127.0.0.1:1/v1", false);
  const http::RequestHead head{"POST", "/", {}};
  EXPECT_FALSE(replay->WhyNot(*replay->Find("openai"), head, Outgoing::From::kSandbox));
  const Got got = loop_.RunUntil(Ask(replay.get(), R"({"input":"first","model":"m"})", "other"));
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.pieces, 2U) << "event by event";
  first.replace(first.find(kKey), kKey.size(), "[credential]");
  EXPECT_EQ(got.body, first);
  EXPECT_EQ(loop_.RunUntil(Ask(replay.get(), R"({"input":"third"})", "other")).code,
            "cove_not_on_cassette");

  auto in_order = Make(TapeConfig::Mode::kReplay, served.url, false, Cassette::Match::kOrder);
  EXPECT_EQ(loop_.RunUntil(Ask(in_order.get(), R"({"input":"third"})", "b")).body, first);
}

TEST_F(TapeTest, ACompressedAnswerIsRecordedPlainAndOneThatCannotBeReadIsNot) {
  const Served served(&AnswerPacked);
  const auto asked = {"gzip", "zstd", "br", "gzip cut", "zstd cut"};
  {
    auto upstream = Make(TapeConfig::Mode::kRecord, served.url, true);
    for (const char* text : asked) {
      EXPECT_EQ(loop_.RunUntil(Ask(upstream.get(), text, "box")).status, 200) << text;
    }
  }
  auto replay = Make(TapeConfig::Mode::kReplay, "http://127.0.0.1:1/v1", false);
  for (const char* text : asked) {
    const Got got = loop_.RunUntil(Ask(replay.get(), text, "box"));
    const bool kept = std::string_view(text).size() == 4;
    EXPECT_EQ(got.body, kept ? R"({"said":"[credential]"})" : "") << text;
    EXPECT_EQ(got.code, kept ? "" : "cove_not_on_cassette") << text;
  }
}

TEST_F(TapeTest, AFileThatIsNoCassetteIsNamed) {
  EXPECT_FALSE(Tape::Open({TapeConfig::Mode::kReplay, path_, {}}, pool_).ok());
  EXPECT_FALSE(Tape::Open({TapeConfig::Mode::kReplay, "", {}}, pool_).ok());
  std::ofstream(path_) << kCassetteHead << "{}\n";
  auto got = Tape::Open({TapeConfig::Mode::kReplay, path_, {}}, pool_);
  ASSERT_FALSE(got.ok());
  EXPECT_NE(got.error().message().find(path_ + ":2"), std::string::npos) << got.error().message();
  std::ofstream(path_) << "hello\n";
  EXPECT_FALSE(Tape::Open({TapeConfig::Mode::kReplay, path_, {}}, pool_).ok());
}

}  // namespace
}  // namespace cove::bridge
