// Goal: the name is read from every sound ClientHello however it is cut, and anything two parsers
// could read differently is refused. Method: hellos built by hand, split at every byte and over
// records; one changed byte at a time.
#include "codec/tls_hello.h"

#include <gtest/gtest.h>

#include <random>

namespace cove::codec {
namespace {

using State = ClientHelloParser::State;

std::string Number(size_t value, size_t width) {
  std::string out;
  for (size_t i = width; i > 0; --i) out += static_cast<char>(value >> (8 * (i - 1)));
  return out;
}
std::string Vector(const std::string& body, size_t width) {
  return Number(body.size(), width) + body;
}
std::string Extension(uint16_t type, const std::string& body) {
  return Number(type, 2) + Vector(body, 2);
}
std::string Sni(const std::string& name) {
  return Extension(0, Vector(std::string(1, '\0') + Vector(name, 2), 2));
}
std::string Handshake(const std::string& extensions) {
  const std::string body = Number(0x0303, 2) + std::string(32, 'r') + Vector("", 1) +
                           Vector(Number(0x1301, 2), 2) + Vector(std::string(1, '\0'), 1) +
                           Vector(extensions, 2);
  return std::string(1, 1) + Vector(body, 3);
}
std::string Records(const std::string& handshake, size_t piece = 16384) {
  std::string out;
  for (size_t i = 0; i < handshake.size(); i += piece) {
    out += std::string("\x16\x03\x01", 3) + Vector(handshake.substr(i, piece), 2);
  }
  return out;
}
std::string Alpn() { return Extension(16, Vector(Vector("h2", 1) + Vector("http/1.1", 1), 2)); }

State Parse(const std::string& bytes, ClientHelloParser& parser) { return parser.Feed(bytes); }
State Parse(const std::string& bytes) {
  ClientHelloParser parser;
  return parser.Feed(bytes);
}

TEST(TlsHelloTest, GivesNameAndProtocols) {
  const std::string versions = Extension(43, Vector(Number(0x7a7a, 2) + Number(0x0304, 2), 1));
  ClientHelloParser parser;
  ASSERT_EQ(Parse(Records(Handshake(Sni("Allowed.test") + Alpn() + versions)), parser),
            State::kDone);
  EXPECT_EQ(parser.hello().server_name, "Allowed.test");
  EXPECT_EQ(parser.hello().alpn, (std::vector<std::string>{"h2", "http/1.1"}));
  EXPECT_EQ(parser.hello().version, 0x0304);
  EXPECT_FALSE(parser.hello().encrypted_hello);
}

TEST(TlsHelloTest, CutsDoNotMatter) {
  for (const size_t piece : {size_t{1}, size_t{3}, size_t{50}, size_t{16384}}) {
    const std::string handshake = Handshake(Sni("a.test"));
    if (handshake.size() / piece > ClientHelloParser::kRecordsMax) {
      EXPECT_EQ(Parse(Records(handshake, piece)), State::kBad);
      continue;
    }
    const std::string wire = Records(handshake, piece);
    for (size_t cut = 0; cut <= wire.size(); ++cut) {
      ClientHelloParser parser;
      const State first = parser.Feed(wire.substr(0, cut));
      EXPECT_EQ(first, cut == wire.size() ? State::kDone : State::kNeedMore) << cut;
      EXPECT_EQ(parser.Feed(wire.substr(cut)), State::kDone) << cut;
      EXPECT_EQ(parser.hello().server_name, "a.test");
    }
  }
}

TEST(TlsHelloTest, SeesEncryptedHelloAndEarlyData) {
  ClientHelloParser parser;
  ASSERT_EQ(
      Parse(Records(Handshake(Sni("a.test") + Extension(0xfe0d, "x") + Extension(42, ""))), parser),
      State::kDone);
  EXPECT_TRUE(parser.hello().encrypted_hello);
  EXPECT_TRUE(parser.hello().early_data);
}

TEST(TlsHelloTest, AHelloWithoutANameIsSound) {
  ClientHelloParser parser;
  ASSERT_EQ(Parse(Records(Handshake(Alpn())), parser), State::kDone);
  EXPECT_EQ(parser.hello().server_name, "");
}

TEST(TlsHelloTest, RefusesWhatCouldBeReadTwoWays) {
  const std::string entry = std::string(1, '\0') + Vector("a.test", 2);
  const std::string bads[] = {
      Handshake(Sni("a.test") + Sni("b.test")),
      Handshake(Extension(0, Vector(entry + entry, 2))),
      Handshake(Extension(0, Vector(entry, 2) + "x")),
      Handshake(Extension(0, Vector("", 2))),
      Handshake(Sni("")),
      Handshake(Sni(std::string("a\0b", 3))),
      Handshake(Extension(0, Vector(std::string(1, 1) + Vector("a.test", 2), 2))),
      Handshake(Sni("a.test")) + "more",
      Handshake(Extension(16, Vector("", 2))),
      std::string(1, 2) + Vector("serverhello", 3),
  };
  for (const std::string& bad : bads) EXPECT_EQ(Parse(Records(bad)), State::kBad);
  EXPECT_EQ(Parse("GET / HTTP/1.1\r\n"), State::kBad);
  EXPECT_EQ(Parse(std::string("\x80\x2e\x01\x03\x01", 5)), State::kBad);  // SSLv2
  EXPECT_EQ(Parse(std::string("\x16\x02\x00", 3)), State::kBad);
  EXPECT_EQ(Parse(std::string("\x16\x03\x01\x00\x00", 5)), State::kBad);
  EXPECT_EQ(Parse(std::string("\x16\x03\x01\xff\xff", 5)), State::kBad);
}

TEST(TlsHelloTest, TooLongAHelloIsRefusedAtItsHeader) {
  const std::string huge = std::string(1, 1) + Number(ClientHelloParser::kHelloBytesMax + 1, 3);
  EXPECT_EQ(Parse(Records(huge)), State::kBad);
}

TEST(TlsHelloTest, SurvivesDamageAndNeverInventsAName) {
  const std::string wire = Records(Handshake(Sni("allowed.test") + Alpn()));
  std::mt19937 random(5);
  for (int i = 0; i < 50000; ++i) {
    std::string bad = wire;
    bad[random() % bad.size()] = static_cast<char>(random());
    ClientHelloParser parser;
    for (size_t at = 0; at < bad.size();) {
      const size_t n = 1 + random() % 40;
      parser.Feed(bad.substr(at, n));
      at += n;
    }
    if (parser.state() == State::kDone) {
      EXPECT_LE(parser.hello().server_name.size(), 255u);
    }
  }
}

}  // namespace
}  // namespace cove::codec
