// Goal: a SOCKS5 client's greeting and request are understood wherever they are cut, and everything
// else is refused with the right answer. Method: messages written by hand (RFC 1928 sections 3, 4).
#include "codec/socks.h"

#include <gtest/gtest.h>

namespace cove::codec {
namespace {

using State = SocksParser::State;
using namespace std::string_literals;

State ReadAll(SocksParser& parser, std::string_view bytes, size_t step, std::string* left) {
  State state = State::kGreeting;
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, step);
    bytes.remove_prefix(piece.size());
    do {
      state = parser.Next(&piece);
    } while (state == State::kGreeted && !piece.empty());
    *left = std::string(piece) + std::string(bytes);
    if (state != State::kGreeting && state != State::kGreeted && state != State::kRequest) break;
  }
  return state;
}

TEST(SocksTest, ARequestIsUnderstoodWhereverItIsCut) {
  const std::string bytes =
      "\x05\x02\x02\x00"s + "\x05\x01\x00\x03\x0c"s + "allowed.test" + "\x01\xbb"s + "early";
  for (size_t step = 1; step <= bytes.size(); ++step) {
    SocksParser parser;
    std::string left;
    ASSERT_EQ(ReadAll(parser, bytes, step, &left), State::kDone) << step;
    EXPECT_EQ(parser.request().name, "allowed.test");
    EXPECT_EQ(parser.request().port, 443);
    EXPECT_EQ(parser.request().command, SocksCommand::kConnect);
    EXPECT_EQ(left, "early");
  }
}

TEST(SocksTest, ANameIsAllItsBytes) {
  SocksParser parser;
  std::string left;
  const std::string name = "evil.test\0.allowed.test"s;
  const std::string bytes =
      "\x05\x01\x00"s + "\x05\x01\x00\x03"s + static_cast<char>(name.size()) + name + "\x00\x50"s;
  ASSERT_EQ(ReadAll(parser, bytes, 99, &left), State::kDone);
  EXPECT_EQ(parser.request().name, name);
}

TEST(SocksTest, AddressesOfBothKinds) {
  SocksParser v4;
  SocksParser v6;
  std::string left;
  ASSERT_EQ(ReadAll(v4, "\x05\x01\x00\x05\x01\x00\x01\x01\x02\x03\x04\x00\x16"s, 99, &left),
            State::kDone);
  EXPECT_EQ(v4.request().v4, (std::array<uint8_t, 4>{1, 2, 3, 4}));
  EXPECT_EQ(v4.request().port, 22);
  ASSERT_EQ(ReadAll(v6, "\x05\x01\x00\x05\x01\x00\x04"s + std::string(15, '\0') + "\x01\x00\x16"s,
                    99, &left),
            State::kDone);
  EXPECT_EQ((*v6.request().v6)[15], 1);
}

TEST(SocksTest, WhatIsNotServedIsToldApart) {
  const std::pair<std::string, State> cases[] = {
      {"\x04\x01\x00\x50\x01\x02\x03\x04\x00"s, State::kBad},
      {"GET / HTTP/1.1\r\n", State::kBad},
      {"\x05\x01\x02"s, State::kNoMethod},
      {"\x05\x00"s, State::kNoMethod},
      {"\x05\x01\x00\x04"s, State::kBad},
      {"\x05\x01\x00\x05\x09\x00\x01\x01\x02\x03\x04\x00\x16"s, State::kBadCommand},
      {"\x05\x01\x00\x05\x01\x00\x05\x00\x00\x16"s, State::kBadAddress},
      {"\x05\x01\x00\x05\x01"s, State::kRequest},
      {"\x05"s, State::kGreeting},
  };
  for (const auto& [bytes, state] : cases) {
    SocksParser parser;
    std::string left;
    EXPECT_EQ(ReadAll(parser, bytes, 99, &left), state) << testing::PrintToString(bytes);
  }
  SocksParser udp;
  std::string left;
  ASSERT_EQ(ReadAll(udp, "\x05\x01\x00\x05\x03\x00\x01\x01\x02\x03\x04\x00\x16"s, 99, &left),
            State::kDone);
  EXPECT_EQ(udp.request().command, SocksCommand::kUdpAssociate);
  EXPECT_EQ(WriteSocksReply(SocksReply::kCommandNotSupported),
            "\x05\x07\x00\x01\x00\x00\x00\x00\x00\x00"s);
}

}  // namespace
}  // namespace cove::codec
