// Goal: who announces a body and does not send it takes nothing from anybody but a call of its own,
// and not for long.
// Method: raw connections to a bridge with small bounds, beside calls that are sound.
#include "bridge/bridge_fixture_test.h"

namespace cove::bridge {
namespace {

class BridgeBodyTest : public BridgeTest {
 protected:
  static constexpr size_t kRoom = 8192;  // for two of the largest requests

  // What is served here has a book of its own, with limits.
  explicit BridgeBodyTest(RateLimits rates = {}, Duration step = seconds(30))
      : limited_({.store = store_.get()}, Settings(rates)),
        tight_(MakeTight(step)),
        tight_front_([this](http::Exchange& e) { return ServeBy(tight_, e); }) {
    EXPECT_TRUE(loop_.RunUntil(limited_.Open()).ok());
    std::swap(front_.port, tight_front_.port);
  }
  ~BridgeBodyTest() override { std::swap(front_.port, tight_front_.port); }

  static BooksSettings Settings(RateLimits rates) {
    BooksSettings settings;
    settings.rates = rates;
    return settings;
  }
  Bridge::Deps MakeTight(Duration step) {
    Bridge::Deps deps = MakeDeps();
    deps.books = &limited_;
    deps.limits.held_bytes_max = 4 * kRoom;  // of one caller alone a quarter
    deps.limits.body_step_bytes = 1024;
    deps.limits.body_step_time = step;
    return deps;
  }

  // The head of a call and the beginning of its body, and then nothing.
  Task<Result<net::StreamPtr>> Begin(size_t announced, size_t sent) {
    CO_ASSIGN_OR_RETURN(net::StreamPtr stream,
                        co_await net::Connect(*net::SocketAddress::FromIp("127.0.0.1", front_.port),
                                              Now() + seconds(5)));
    CO_RETURN_IF_ERROR(
        co_await stream->Write("POST /openai/v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: " +
                               std::to_string(announced) + "\r\n\r\n" + std::string(sent, '{')));
    co_return stream;
  }
  static Task<std::string> ReadToEnd(net::ByteStream* stream) {
    std::string out;
    std::array<char, 512> piece{};
    for (;;) {
      const auto got = co_await stream->Read(piece);
      if (!got || *got == 0) co_return out;
      out.append(piece.data(), *got);
    }
  }
  int Ask() { return Run(Post(R"({"model":"m"})"), "/openai/v1/responses").status; }
  // The status of the next call that is not `status`.
  int AskWhile(int status) {
    int got = status;
    for (int i = 0; i < 1000 && got == status; ++i) {
      got = Ask();
      loop_.RunUntil(Pause());
    }
    return got;
  }

  Books limited_;
  Bridge tight_;
  Listening tight_front_;
};

TEST_F(BridgeBodyTest, WhatIsAnnouncedAndDoesNotComeTakesNoRoom) {
  std::vector<net::StreamPtr> idle;
  for (int i = 0; i < 20; ++i) idle.push_back(*loop_.RunUntil(Begin(4096, 1)));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Ask(), 200);
}

TEST_F(BridgeBodyTest, ACallerFillsItsOwnRoomOnly) {
  std::vector<net::StreamPtr> full;
  full.push_back(*loop_.RunUntil(Begin(4096, 4095)));
  full.push_back(*loop_.RunUntil(Begin(4096, 4095)));
  EXPECT_EQ(AskWhile(200), 429);
  full.clear();
  EXPECT_EQ(AskWhile(429), 200) << "what is let go is free";
}

class SlowBodyTest : public BridgeBodyTest {
 protected:
  SlowBodyTest() : BridgeBodyTest({}, milliseconds(100)) {}
};

TEST_F(SlowBodyTest, ABodyThatComesTooSlowlyIsEnded) {
  for (const size_t sent : {size_t{1}, size_t{1500}}) {
    const auto stream = *loop_.RunUntil(Begin(4096, sent));
    const std::string answer = loop_.RunUntil(ReadToEnd(stream.get()));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 ")) << answer;
    EXPECT_NE(answer.find("cove_request_too_slow"), std::string::npos) << answer;
  }
  EXPECT_EQ(Ask(), 200);
}

class BodyOfLimitedTest : public BridgeBodyTest {
 protected:
  BodyOfLimitedTest() : BridgeBodyTest({.per_minute = 6, .at_once = 2}) {}
};

TEST_F(BodyOfLimitedTest, ACallIsUnderWayBeforeItsBodyHasCome) {
  const auto one = *loop_.RunUntil(Begin(4096, 1));
  auto two = *loop_.RunUntil(Begin(4096, 1));
  for (int i = 0; i < 1000 && limited_.in_flight() < 2; ++i) loop_.RunUntil(Pause());
  EXPECT_EQ(Ask(), 429);
  EXPECT_EQ(Run({}, "/openai/v1/models").status, 429) << "this is a call, too";
  two.reset();
  for (int i = 0; i < 1000 && limited_.in_flight() > 1; ++i) loop_.RunUntil(Pause());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Run({}, "/openai/v1/models").status, 200);
  const Reply reply = Run({}, "/openai/v1/models");
  EXPECT_EQ(reply.status, 429) << "six a minute";
  EXPECT_TRUE(reply.headers.Has("retry-after"));
  EXPECT_NE(reply.body.find("cove_rate_limit"), std::string::npos) << reply.body;
}

}  // namespace
}  // namespace cove::bridge
