// Goal: only sound one-question queries are read, and answers carry nothing of the asker's but the
// question. Method: messages built byte by byte, every truncation of them, and random damage.
#include "codec/dns.h"

#include <gtest/gtest.h>

#include <random>

namespace cove::codec::dns {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes Message(std::string_view labels, uint16_t type, bool edns = false) {
  Bytes out = {0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, static_cast<uint8_t>(edns ? 1 : 0)};
  out.insert(out.end(), labels.begin(), labels.end());
  for (const uint16_t v : {type, kClassIn}) {
    out.push_back(static_cast<uint8_t>(v >> 8));
    out.push_back(static_cast<uint8_t>(v));
  }
  // OPT with a 4096-byte payload and an option of four bytes.
  if (edns) out.insert(out.end(), {0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 4, 0, 9, 0, 0});
  return out;
}

const std::string kName(
    "\x07"
    "Allowed\x04"
    "test\0",
    14);

TEST(DnsTest, ReadsAQuestion) {
  const auto parsed = ParseQuery(Message(kName, kTypeA));
  ASSERT_EQ(parsed.fault, Fault::kNone);
  EXPECT_EQ(parsed.query.id, 0x1234);
  EXPECT_EQ(parsed.query.name, "allowed.test");
  EXPECT_EQ(parsed.query.type, kTypeA);
  EXPECT_TRUE(parsed.query.recursion_desired);
  EXPECT_EQ(parsed.query.udp_bytes_max, kUdpBytesPlain);
}

TEST(DnsTest, ToleratesEdnsAndNeverEchoesItsOptions) {
  const auto parsed = ParseQuery(Message(kName, kTypeA, true));
  ASSERT_EQ(parsed.fault, Fault::kNone);
  EXPECT_EQ(parsed.query.udp_bytes_max, kUdpBytesEdns);
  Answer answer;
  answer.v4 = {{1, 2, 3, 4}};
  const Bytes out = WriteAnswer(parsed.query, answer, 512);
  EXPECT_EQ(out.size(), 12 + kName.size() + 4 + 16 + 11);
  EXPECT_EQ(out[out.size() - 1], 0);  // no options in our OPT
}

TEST(DnsTest, RefusesWhatIsNotOneQuestion) {
  Bytes two = Message(kName, kTypeA);
  two[5] = 2;
  EXPECT_EQ(ParseQuery(two).fault, Fault::kFormErr);
  Bytes trailing = Message(kName, kTypeA);
  trailing.push_back('x');
  EXPECT_EQ(ParseQuery(trailing).fault, Fault::kFormErr);
  Bytes with_answer = Message(kName, kTypeA);
  with_answer[7] = 1;
  EXPECT_EQ(ParseQuery(with_answer).fault, Fault::kFormErr);
  Bytes response = Message(kName, kTypeA);
  response[2] |= 0x80;
  EXPECT_EQ(ParseQuery(response).fault, Fault::kDrop);
  Bytes notify = Message(kName, kTypeA);
  notify[2] |= 0x20;
  EXPECT_EQ(ParseQuery(notify).fault, Fault::kNotImp);
  EXPECT_EQ(ParseQuery(Message(std::string("\xc0\x0c", 2), kTypeA)).fault, Fault::kFormErr);
  EXPECT_EQ(
      ParseQuery(Message(std::string("\x40") + std::string(64, 'a') + std::string(1, '\0'), 1))
          .fault,
      Fault::kFormErr);
}

TEST(DnsTest, EveryTruncationIsRefused) {
  const Bytes whole = Message(kName, kTypeAaaa, true);
  for (size_t n = 0; n < whole.size(); ++n) {
    const auto fault = ParseQuery(std::span(whole).first(n)).fault;
    EXPECT_EQ(fault, n < 12 ? Fault::kDrop : Fault::kFormErr) << n;
  }
}

TEST(DnsTest, NamesThatTextCannotHoldAreNotGiven) {
  for (const auto& label : {std::string("\x03"
                                        "a.b\x00",
                                        5),
                            std::string("\x02"
                                        "a\x00\x00",
                                        4),
                            std::string("\x02\xd0\xb0\x00", 4),
                            std::string("\x03"
                                        "a b\x00",
                                        5)}) {
    const auto parsed = ParseQuery(Message(label, kTypeA));
    ASSERT_EQ(parsed.fault, Fault::kNone);
    EXPECT_FALSE(parsed.query.printable);
    EXPECT_EQ(parsed.query.name, "");
    Answer no;
    no.rcode = Rcode::kNxDomain;
    EXPECT_EQ(WriteAnswer(parsed.query, no, 512)[3] & 15, 3);
  }
}

TEST(DnsTest, NamesOverTheLimitAreRefused) {
  std::string wire;
  for (int i = 0; i < 4; ++i) wire += std::string("\x3f") + std::string(63, 'a');
  EXPECT_EQ(ParseQuery(Message(wire + std::string(1, '\0'), kTypeA)).fault, Fault::kFormErr);
  wire.resize(3 * 64);
  wire += std::string("\x3d") + std::string(61, 'a') + std::string(1, '\0');
  ASSERT_EQ(wire.size(), 255u);
  EXPECT_EQ(ParseQuery(Message(wire, kTypeA)).fault, Fault::kNone);
}

TEST(DnsTest, NegativeAnswersCarryASoa) {
  const Query query = ParseQuery(Message(kName, kTypeHttps)).query;
  const Bytes nodata = WriteAnswer(query, {}, 512);
  EXPECT_EQ(nodata[3] & 15, 0);
  EXPECT_EQ(nodata[7], 0);  // answers
  EXPECT_EQ(nodata[9], 1);  // authority
  Answer refused;
  refused.rcode = Rcode::kRefused;
  EXPECT_EQ(WriteAnswer(query, refused, 512)[9], 0);
}

TEST(DnsTest, TooLongAnAnswerIsTruncatedAndEmpty) {
  const Query query = ParseQuery(Message(kName, kTypeA)).query;
  Answer answer;
  answer.v4.resize(100);
  const Bytes out = WriteAnswer(query, answer, 512);
  EXPECT_EQ(out[2] & 0x02, 0x02);
  EXPECT_EQ(out[7], 0);
  EXPECT_LE(out.size(), 512u);
  EXPECT_EQ(WriteAnswer(query, answer, 65535)[7], 100);
}

TEST(DnsTest, SurvivesDamage) {
  std::mt19937 random(3);
  const Bytes whole = Message(kName, kTypeA, true);
  for (int i = 0; i < 50000; ++i) {
    Bytes bad = whole;
    for (size_t n = 1 + random() % 4; n > 0; --n) {
      bad[random() % bad.size()] = static_cast<uint8_t>(random());
    }
    const auto parsed = ParseQuery(bad);
    if (parsed.fault == Fault::kNone) {
      EXPECT_GE(WriteAnswer(parsed.query, {}, 512).size(), 12u);
    }
  }
}

}  // namespace
}  // namespace cove::codec::dns
