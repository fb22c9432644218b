// Goal: a hostile HTTP/2 client gets no message through that two programs could read in two ways,
// and cannot make the server work or remember without bound. Method: frames written by hand into a
// scripted stream (RFC 9113, RFC 7541 literals), and what the server wrote, frame by frame.
#include <gmock/gmock.h>

#include <numeric>

#include "http/http2_server.h"
#include "net/script_stream.h"

namespace cove::http::internal {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

enum Type : uint8_t { kData, kHeaders, kPriority, kRst, kSettings, kPush, kPing, kGoAway, kWindow };
constexpr uint8_t kContinuation = 9;
constexpr uint8_t kEndStream = 1, kEndHeaders = 4;
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::string Number(size_t value, int width) {
  std::string out;
  for (int i = width; i > 0; --i) out += static_cast<char>(value >> (8 * (i - 1)));
  return out;
}
std::string Frame(uint8_t type, uint8_t flags, uint32_t id, const std::string& payload) {
  return Number(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) +
         Number(id, 4) + payload;
}
// A literal field that is not put into the table; sizes below 127.
std::string Field(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + static_cast<char>(name.size()) + name +
         static_cast<char>(value.size()) + value;
}
std::string Get(const std::string& more = {}) {
  return Field(":method", "GET") + Field(":scheme", "https") + Field(":authority", "a.test") +
         Field(":path", "/") + more;
}
std::string Open(uint32_t id, const std::string& block) {
  return Frame(kHeaders, kEndHeaders | kEndStream, id, block);
}
std::string Start() { return std::string(kPreface) + Frame(kSettings, 0, 0, ""); }

struct Written {
  std::vector<std::pair<uint32_t, uint32_t>> resets;  // stream, code
  std::vector<uint32_t> goaways;                      // codes
  std::vector<uint32_t> answered;                     // streams with HEADERS
  std::map<uint32_t, std::string> bodies;
  size_t window_updates = 0;  // of streams
};
uint32_t Read32(std::string_view in) {
  uint32_t out = 0;
  for (size_t i = 0; i < 4; ++i) out = out << 8 | static_cast<uint8_t>(in[i]);
  return out;
}
Written Parse(std::string_view in) {
  Written out;
  while (in.size() >= 9) {
    const size_t size = Read32(in) >> 8;
    const auto type = static_cast<uint8_t>(in[3]);
    const uint32_t id = Read32(in.substr(5));
    const std::string_view payload = in.substr(9, size);
    if (type == kRst) out.resets.emplace_back(id, Read32(payload));
    if (type == kGoAway) out.goaways.push_back(Read32(payload.substr(4)));
    if (type == kHeaders) out.answered.push_back(id);
    if (type == kData) out.bodies[id] += payload;
    if (type == kWindow && id != 0) ++out.window_updates;
    in.remove_prefix(9 + size);
  }
  return out;
}

class Http2AttackTest : public ::testing::Test {
 protected:
  // Where to stop: where nothing has changed in many turns of the loop, which is all that the
  // server needs to go on; or only where it has ended the connection.
  enum class Until { kNothingChanges, kItEnds };
  // Runs the server over these bytes, in pieces.
  Written Feed(const std::string& bytes, Until until = Until::kNothingChanges) {
    auto script = std::make_shared<net::Script>();
    for (size_t i = 0; i < bytes.size(); i += 10'000) script->Feed(bytes.substr(i, 10'000));
    Http2Server server(handler_, refused_, admit_, limits_,
                       std::make_unique<net::ScriptStream>(script), "peer");
    async::TaskGroup group;
    group.Spawn(server.Run());
    const auto state = [&] {
      const size_t unread =
          std::accumulate(script->pieces.begin(), script->pieces.end(), size_t{0},
                          [](size_t sum, const std::string& piece) { return sum + piece.size(); });
      return std::tuple(unread, script->written.size(), seen_.size(), refusals_.size());
    };
    const TimePoint end = Now() + 20s;
    auto before = state();
    for (int same = 0; group.size() != 0 && Now() < end;) {
      if (until == Until::kNothingChanges && same == 20) break;
      loop_.RunUntil(Pause());
      same = state() == before ? same + 1 : 0;
      before = state();
    }
    ended_ = group.size() == 0;
    return Parse(script->written);
  }
  static Task<void> Pause() { co_await async::Sleep(1ms); }
  Task<void> Handle(Exchange& x) {
    seen_.push_back(x.request());
    if (wait_) {
      async::Event never;
      co_await never.Wait();
    }
    auto body = co_await ReadAll(x.body(), 1 << 20);
    if (body) (void)co_await x.Respond({200, {}}, *std::move(body));
  }

  async::Loop loop_;
  ServerLimits limits_;
  bool wait_ = false;
  bool ended_ = false;
  std::vector<RequestHead> seen_;
  std::vector<std::string> refusals_;
  Handler handler_ = [this](Exchange& x) { return Handle(x); };
  Refused refused_ = [this](int, std::string_view why) {
    refusals_.emplace_back(why);
    return Refusal{"application/json", "{\"reason\":\"limit\"}"};
  };
  Admit admit_;
};

TEST_F(Http2AttackTest, ASoundRequestIsAnswered) {
  const Written out = Feed(Start() + Open(1, Get()) + Open(3, Get()));
  EXPECT_THAT(out.answered, ElementsAre(1, 3));
  EXPECT_THAT(out.resets, IsEmpty());
  EXPECT_THAT(refusals_, IsEmpty());
  ASSERT_EQ(seen_.size(), 2u);
  EXPECT_EQ(seen_[0].headers.Get("host"), "a.test");
  EXPECT_FALSE(ended_);
}

TEST_F(Http2AttackTest, AStreamThatIsNotAdmittedReachesNoHandlerAndIsRefused) {
  int places = 1;
  admit_ = [&]() -> std::shared_ptr<void> {
    return places-- > 0 ? std::make_shared<int>() : nullptr;
  };
  wait_ = true;
  const Written out = Feed(Start() + Open(1, Get()) + Open(3, Get()));
  EXPECT_EQ(seen_.size(), 1u);
  EXPECT_EQ(out.resets.size(), 1u);
}

TEST_F(Http2AttackTest, AHeadOfVeryManyFieldsIsTooLarge) {
  std::string fields;
  for (int i = 0; i < 300; ++i) fields += Field("x", "");
  (void)Feed(Start() + Open(1, Get(fields)));
  EXPECT_THAT(seen_, IsEmpty());
  EXPECT_EQ(refusals_.size(), 1u);
}

TEST_F(Http2AttackTest, AHeadThatCouldBeReadInTwoWaysReachesNoHandlerAndIsTold) {
  const std::string blocks[] = {
      Get(Field("x", "a\r\nHost: evil.test")),
      Get(Field("x", std::string("a\0b", 3))),
      Get(Field("x y", "a")),
      Get(Field("X-Upper", "a")),
      Get(Field("content-length", "1") + Field("content-length", "2")),
      Get(Field("content-length", "+1")),
      Get(Field("transfer-encoding", "chunked")),
      Get(Field("connection", "close")),
      Get(Field("upgrade", "h2c")),
      Get(Field("te", "gzip")),
      Get(Field(":path", "/twice")),
      Get(Field(":protocol", "websocket")),
      Field("x", "first") + Get(),
      Field(":method", "GET") + Field(":scheme", "https") + Field(":path", "/"),
      Field(":method", "GET") + Field(":scheme", "https") + Field(":authority", "a.test"),
      Field(":method", "G T") + Field(":scheme", "https") + Field(":authority", "a.test") +
          Field(":path", "/"),
      Field(":method", "GET") + Field(":scheme", "https") + Field(":authority", "a.test") +
          Field(":path", "/a b HTTP/1.1"),
      Field(":method", "GET") + Field(":scheme", "https") + Field(":authority", "a.test") +
          Field(":path", "evil"),
  };
  for (const std::string& block : blocks) {
    refusals_.clear();
    const Written out = Feed(Start() + Open(1, block) + Open(3, Get()));
    EXPECT_THAT(seen_.size(), 1u) << block;
    EXPECT_EQ(refusals_.size(), 1u) << block;
    EXPECT_EQ(out.resets.size(), 1u) << block;
    EXPECT_THAT(out.answered, ElementsAre(3)) << block;
    seen_.clear();
  }
}

TEST_F(Http2AttackTest, WhatContradictsItselfIsLeftForTheJudgeToSee) {
  Feed(Start() + Open(1, Get(Field("host", "evil.test"))) + Open(3, Get(Field("host", "A.test"))) +
       Open(5, Field(":method", "GET") + Field(":scheme", "http") + Field(":authority", "a.test") +
                   Field(":path", "/")));
  ASSERT_EQ(seen_.size(), 3u);
  const auto hosts = [](const RequestHead& head) {
    return std::count_if(head.headers.begin(), head.headers.end(),
                         [](const auto& field) { return field.first == "host"; });
  };
  EXPECT_EQ(hosts(seen_[0]), 2);
  EXPECT_EQ(hosts(seen_[1]), 1);
  EXPECT_EQ(seen_[2].target, "http://a.test/");
}

TEST_F(Http2AttackTest, ABodyThatIsNotItsContentLengthIsReset) {
  const std::string head = Frame(kHeaders, kEndHeaders, 1, Get(Field("content-length", "3")));
  for (const char* body : {"ab", "abcd"}) {
    const Written out = Feed(Start() + head + Frame(kData, kEndStream, 1, body));
    EXPECT_THAT(out.resets, ElementsAre(std::pair(1u, kH2ProtocolError)));
    EXPECT_THAT(out.answered, IsEmpty());
  }
}

TEST_F(Http2AttackTest, RapidResetEndsTheConnection) {
  wait_ = true;
  std::string bytes = Start();
  for (uint32_t id = 1; id < 2000; id += 2) {
    bytes += Open(id, Get()) + Frame(kRst, 0, id, Number(kH2Cancel, 4));
  }
  const Written out = Feed(bytes, Until::kItEnds);
  EXPECT_THAT(out.goaways, ElementsAre(kH2EnhanceYourCalm));
  EXPECT_TRUE(ended_);
}

TEST_F(Http2AttackTest, StreamsThatTheServerHasToResetCountToo) {
  std::string bytes = Start();
  for (uint32_t id = 1; id < 2000; id += 2) {
    bytes += Open(id, Get()) + Frame(kWindow, 0, id, Number(0, 4));
  }
  const Written out = Feed(bytes, Until::kItEnds);
  EXPECT_FALSE(out.goaways.empty());
  EXPECT_TRUE(ended_);
}

TEST_F(Http2AttackTest, FramesThatOnlyMakeWorkEndTheConnection) {
  for (const std::string& frame : {Frame(kSettings, 0, 0, ""), Frame(kPing, 0, 0, "12345678"),
                                   Frame(kPriority, 0, 1, std::string("\0\0\0\3\1", 5))}) {
    std::string bytes = Start();
    for (int i = 0; i < 20'000; ++i) bytes += frame;
    EXPECT_THAT(Feed(bytes, Until::kItEnds).goaways, ElementsAre(kH2EnhanceYourCalm));
    EXPECT_TRUE(ended_);
  }
  wait_ = true;
  std::string bytes = Start() + Frame(kHeaders, kEndHeaders, 1, Get());
  for (int i = 0; i < 20'000; ++i) bytes += Frame(kData, 0, 1, "");
  EXPECT_THAT(Feed(bytes, Until::kItEnds).goaways, ElementsAre(kH2EnhanceYourCalm));
}

TEST_F(Http2AttackTest, AHeadWithoutEndEndsTheConnection) {
  std::string bytes = Start() + Frame(kHeaders, kEndStream, 1, Get());
  for (int i = 0; i < 1000; ++i) bytes += Frame(kContinuation, 0, 1, Field("x", "y"));
  const Written out = Feed(bytes, Until::kItEnds);
  EXPECT_EQ(out.goaways.size(), 1u);
  EXPECT_TRUE(ended_);
  EXPECT_THAT(seen_, IsEmpty());
}

TEST_F(Http2AttackTest, AHeadOverTheLimitIsRefusedAndABombEndsTheConnection) {
  // One field of 3900 bytes into the table (RFC 7541 section 6.2.1), then one byte for each use.
  const std::string entry = "\x40\x01x\x7f" + std::string("\xbd\x1d", 2) + std::string(3900, 'v');
  const std::string large = Get(entry + std::string(20, '\xbe'));
  Written out = Feed(Start() + Open(1, large) + Open(3, Get()));
  EXPECT_THAT(out.answered, ElementsAre(1, 3));
  EXPECT_EQ(out.bodies[1], "{\"reason\":\"limit\"}");
  EXPECT_EQ(seen_.size(), 1u);
  EXPECT_EQ(refusals_.size(), 1u);

  out = Feed(Start() + Open(1, Get(entry + std::string(10'000, '\xbe'))));
  EXPECT_THAT(out.goaways, ElementsAre(kH2EnhanceYourCalm));
  EXPECT_EQ(seen_.size(), 1u);
}

TEST_F(Http2AttackTest, NobodyMaySendMoreThanIsRead) {
  wait_ = true;
  std::string bytes = Start() + Frame(kHeaders, kEndHeaders, 1, Get());
  for (int i = 0; i < 4; ++i) bytes += Frame(kData, 0, 1, std::string(16'384, 'x'));
  Written out = Feed(bytes);
  EXPECT_EQ(out.window_updates, 0u);
  EXPECT_THAT(out.goaways, IsEmpty());
  out = Feed(bytes + Frame(kData, 0, 1, "x"));
  EXPECT_EQ(out.resets.size() + out.goaways.size(), 1u);
}

TEST_F(Http2AttackTest, WindowsThatAreOpenedWithoutEndEndTheConnection) {
  std::string some = Start() + Open(1, Get());
  for (int i = 0; i < 1000; ++i) some += Frame(kWindow, 0, 0, Number(1, 4));
  EXPECT_THAT(Feed(some).goaways, IsEmpty());
  std::string flood = Start();
  for (int i = 0; i < 400'000; ++i) flood += Frame(kWindow, 0, 0, Number(1, 4));
  const Written out = Feed(flood, Until::kItEnds);
  EXPECT_THAT(out.goaways, ElementsAre(kH2EnhanceYourCalm));
  EXPECT_TRUE(ended_);
}

TEST_F(Http2AttackTest, MoreStreamsThanAllowedAreNotOpened) {
  wait_ = true;
  std::string bytes = Start();
  for (uint32_t id = 1; id < 401; id += 2) bytes += Open(id, Get());
  Feed(bytes);
  EXPECT_EQ(seen_.size(), 100u);
}

TEST_F(Http2AttackTest, AnIdleConnectionIsEnded) {
  limits_.idle_timeout = 10ms;
  EXPECT_THAT(Feed(Start() + Open(1, Get()), Until::kItEnds).goaways, ElementsAre(kH2NoError));
  EXPECT_TRUE(ended_);
}

TEST_F(Http2AttackTest, WhatIsNotHttp2IsEnded) {
  for (const char* bytes : {"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX"}) {
    Feed(bytes, Until::kItEnds);
    EXPECT_TRUE(ended_);
  }
}

}  // namespace
}  // namespace cove::http::internal
