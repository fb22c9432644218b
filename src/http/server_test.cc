// Goal: what goes over the wire is right for every request, however it is cut, and no wait or size
// is unbounded. Method: scripted streams, with small limits, on a loop of the test's own.
#include "http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/script_stream.h"

namespace cove::http {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

ResponseHead Head(int status) { return ResponseHead{status, {}}; }

// "METHOD target body"
Task<void> Echo(Exchange& x) {
  auto body = co_await ReadAll(x.body(), 1 << 20);
  if (!body) co_return;
  (void)co_await x.Respond(Head(200), x.request().method + " " + x.request().target + " " + *body);
}

Task<void> StreamThree(Exchange& x) {
  auto writer = co_await x.StartResponse(Head(200));
  if (!writer) co_return;
  for (const char* part : {"one", "", "two"}) (void)co_await (*writer)->Write(part);
  (void)co_await (*writer)->Finish();
}

std::string WithoutDate(std::string text) {
  for (size_t at; (at = text.find("Date: ")) != text.npos;) {
    text.erase(at, text.find("\r\n", at) + 2 - at);
  }
  return text;
}

struct Outcome {
  std::string written;
  std::shared_ptr<net::Script> script;
  Duration took;
};

struct Options {
  ServerLimits limits;
  bool end = true;
};

Outcome Talk(Handler handler, std::vector<std::string> pieces, Options options = {}) {
  async::Loop loop;
  auto script = std::make_shared<net::Script>();
  for (std::string& piece : pieces) script->Feed(std::move(piece));
  script->ended = options.end;
  Server server(std::move(handler), options.limits);
  const TimePoint start = Now();
  loop.RunUntil(server.ServeConnection(std::make_unique<net::ScriptStream>(script), "peer"));
  EXPECT_TRUE(script->destroyed);
  EXPECT_EQ(server.connections(), 0u);
  return {WithoutDate(script->written), script, Now() - start};
}

constexpr char kGet[] = "GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n";

TEST(ServerTest, AnswersWithLengthAndDateInOneWrite) {
  async::Loop loop;
  auto script = std::make_shared<net::Script>();
  script->Feed(kGet);
  script->ended = true;
  Server server(&Echo);
  loop.RunUntil(server.ServeConnection(std::make_unique<net::ScriptStream>(script), ""));
  EXPECT_THAT(script->written, testing::MatchesRegex("HTTP/1.1 200 OK\r\nDate: [A-Z][a-z][a-z], "
                                                     ".. ... .... ..:..:.. GMT\r\n"
                                                     "Content-Length: 9\r\n\r\nGET /a.b "));
}

TEST(ServerTest, ServesPipelinedRequestsInOrderHoweverTheyAreCut) {
  const std::string text =
      "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
      "POST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
      "chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n"
      "POST /3 HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
      "Content-Length: 0\r\n\r\n"
      "GET /4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nignored";
  const std::string want =
      "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nPOST /1 abc"
      "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nPOST /2 def"
      "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nPOST /3 "
      "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nGET /4 ";
  EXPECT_EQ(Talk(&Echo, {text}).written, want);
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    ASSERT_EQ(Talk(&Echo, {text.substr(0, cut), text.substr(cut)}).written, want) << cut;
  }
}

TEST(ServerTest, StreamsInChunksAndUntilCloseToOldClients) {
  EXPECT_EQ(
      Talk(&StreamThree, {kGet}).written,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
  EXPECT_EQ(Talk(&StreamThree, {"GET / HTTP/1.0\r\n\r\n"}).written,
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nonetwo");
  EXPECT_EQ(Talk(&StreamThree, {"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"}).written,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST(ServerTest, AnswersHeadWithTheLengthOnly) {
  EXPECT_EQ(Talk(&Echo, {"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n"}).written,
            "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n");
  EXPECT_EQ(Talk(&Echo, {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"}).written,
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: keep-alive\r\n\r\nGET / ");
}

TEST(ServerTest, ACutBodyNeverLooksWhole) {
  const auto cut = [](Exchange& x) -> Task<void> {
    auto writer = co_await x.StartResponse(Head(200));
    if (writer) (void)co_await (*writer)->Write("part");
  };
  const auto chunked = Talk(cut, {kGet, kGet});
  EXPECT_THAT(chunked.written, EndsWith("\r\n\r\n4\r\npart\r\n"));
  const auto old = Talk(cut, {"GET / HTTP/1.0\r\n\r\n"});
  EXPECT_THAT(old.written, EndsWith("\r\n\r\npart"));
  EXPECT_TRUE(old.script->aborted);
  const auto lengthy = [](Exchange& x) -> Task<void> {
    auto writer = co_await x.StartResponse(ResponseHead{200, {{"Content-Length", "4"}}});
    if (!writer) co_return;
    (void)co_await (*writer)->Write("abc");
    EXPECT_FALSE(co_await (*writer)->Finish());
  };
  EXPECT_THAT(Talk(lengthy, {kGet, kGet}).written, EndsWith("Content-Length: 4\r\n\r\nabc"));
}

TEST(ServerTest, ExpectContinueIsAnsweredWhenTheBodyIsRead) {
  const std::string head =
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
  EXPECT_EQ(Talk(&Echo, {head, "abc"}).written,
            "HTTP/1.1 100 Continue\r\n\r\n"
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nPOST / abc");
  const auto refuse = [](Exchange& x) -> Task<void> { (void)co_await x.Respond(Head(403), "no"); };
  EXPECT_EQ(Talk(refuse, {head, "abc", kGet}).written,
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
}

TEST(ServerTest, DrainsAnUnreadBodyOrCloses) {
  const auto ignore = [](Exchange& x) -> Task<void> { (void)co_await x.Respond(Head(204), ""); };
  const auto post = [](size_t size) {
    return "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
           std::string(size, 'x');
  };
  EXPECT_EQ(Talk(ignore, {post(1000), kGet}).written,
            "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(Talk(ignore, {post(300'000), kGet}).written,
            "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
}

TEST(ServerTest, AnswersForAHandlerThatDoesNot) {
  const auto nothing = [](Exchange&) -> Task<void> { co_return; };
  EXPECT_THAT(Talk(nothing, {kGet}).written, StartsWith("HTTP/1.1 500 "));
  const auto throws = [](Exchange&) -> Task<void> {
    throw std::runtime_error("bug");
    co_return;
  };
  EXPECT_THAT(Talk(throws, {kGet}).written, StartsWith("HTTP/1.1 500 "));
  const auto forged = [](Exchange& x) -> Task<void> {
    EXPECT_FALSE(co_await x.Respond(ResponseHead{200, {{"A", "b\r\nC: d"}}}, ""));
    EXPECT_FALSE(x.answered());
  };
  EXPECT_THAT(Talk(forged, {kGet}).written, StartsWith("HTTP/1.1 500 "));
}

TEST(ServerTest, KeepsItsLimits) {
  Options options;
  options.limits.head_bytes_max = 100;
  options.limits.body_bytes_max = 4;
  const std::string host = "Host: x\r\n";
  EXPECT_THAT(Talk(&Echo, {"GET / HTTP/1.1\r\nA: " + std::string(100, 'x')}, options).written,
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Talk(&Echo, {"nonsense\r\n"}, options).written, StartsWith("HTTP/1.1 400 "));
  const std::string post = "POST / HTTP/1.1\r\n" + host;
  EXPECT_THAT(Talk(&Echo, {post + "Content-Length: 5\r\n\r\n"}, options).written,
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Talk(&Echo, {post + "Content-Length: 4\r\n\r\nabcd"}, options).written,
              EndsWith("POST / abcd"));
  const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  EXPECT_THAT(Talk(&Echo, {chunked + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"}, options).written,
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Talk(&Echo, {chunked + "zz\r\n"}, options).written, StartsWith("HTTP/1.1 400 "));
}

TEST(ServerTest, EveryWaitEnds) {
  Options options;
  options.limits.idle_timeout = 30ms;
  options.limits.head_timeout = 30ms;
  options.limits.body_timeout = 30ms;
  options.limits.linger_timeout = 30ms;
  options.end = false;
  EXPECT_EQ(Talk(&Echo, {}, options).written, "");
  EXPECT_THAT(Talk(&Echo, {"GET / HT"}, options).written, StartsWith("HTTP/1.1 408 "));
  const auto idle = Talk(&Echo, {kGet}, options).written;
  EXPECT_THAT(idle, EndsWith("GET /a?b "));
  EXPECT_THAT(
      Talk(&Echo, {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na"}, options).written,
      StartsWith("HTTP/1.1 408 "));
}

Task<void> FeedSlowly(std::shared_ptr<net::Script> script) {
  for (int i = 0; i < 1000 && !script->destroyed; ++i) {
    script->Feed("a");
    co_await async::Sleep(5ms);
  }
}

Task<void> TalkSlowly(Server& server, std::shared_ptr<net::Script> script) {
  async::TaskGroup group;
  group.Spawn(FeedSlowly(script));
  co_await server.ServeConnection(std::make_unique<net::ScriptStream>(script), "");
}

TEST(ServerTest, AHeadThatTricklesInIsCutOffAtItsDeadline) {
  async::Loop loop;
  ServerLimits limits;
  limits.head_timeout = 50ms;
  limits.linger_timeout = 50ms;
  Server server(&Echo, limits);
  auto script = std::make_shared<net::Script>();
  const TimePoint start = Now();
  loop.RunUntil(TalkSlowly(server, script));
  EXPECT_LT(Now() - start, 4s);
  EXPECT_THAT(script->written, StartsWith("HTTP/1.1 408 "));
}

TEST(ServerTest, HandsTheConnectionOverWithWhatCameEarly) {
  const auto upgrade = [](Exchange& x) -> Task<void> {
    auto stream = co_await x.TakeOver(ResponseHead{101, {{"Upgrade", "echo"}}});
    if (!stream) co_return;
    char buffer[16];
    auto n = co_await (*stream)->Read(buffer);
    if (n) (void)co_await (*stream)->Write("got " + std::string(buffer, *n));
  };
  EXPECT_EQ(Talk(upgrade, {"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\n\r\nearly"}).written,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"
            "got early");
  const auto tunnel = [](Exchange& x) -> Task<void> {
    auto stream = co_await x.TakeOver(Head(200));
    if (stream) (void)co_await (*stream)->Write("tunnel");
  };
  EXPECT_EQ(Talk(tunnel, {"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"}).written,
            "HTTP/1.1 200 OK\r\n\r\ntunnel");
  EXPECT_THAT(Talk(tunnel, {kGet}).written, StartsWith("HTTP/1.1 500 "));
}

TEST(ServerTest, TellsAHandlerThatThePeerIsGone) {
  const auto wait = [](Exchange& x) -> Task<void> {
    co_await x.PeerClosed();
    (void)co_await x.Respond(Head(499), "gone");
  };
  EXPECT_THAT(Talk(wait, {kGet, "GET"}).written, EndsWith("gone"));
}

TEST(ServerTest, StopsKeepingConnectionsWhenTold) {
  async::Loop loop;
  auto script = std::make_shared<net::Script>();
  script->Feed(std::string(kGet) + kGet);
  script->ended = true;
  Server server(&Echo);
  server.StopKeepAlive();
  loop.RunUntil(server.ServeConnection(std::make_unique<net::ScriptStream>(script), ""));
  EXPECT_THAT(script->written, HasSubstr("Connection: close"));
  EXPECT_THAT(WithoutDate(script->written), EndsWith("\r\n\r\nGET /a?b "));
}

}  // namespace
}  // namespace cove::http
