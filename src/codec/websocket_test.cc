// Goal: messages survive any cut and any fragmentation, and every rule of RFC 6455 is enforced with
// its close code. Method: byte-exact frames, split everywhere; round trips through the writer.
#include "codec/websocket.h"

#include <gtest/gtest.h>

#include <vector>

namespace cove::codec {
namespace {

using End = WsDecoder::End;

std::string Decode(End end, const std::vector<std::string_view>& pieces, size_t max = 1 << 20) {
  WsDecoder decoder(end, max);
  std::string out;
  for (std::string_view piece : pieces) {
    do {
      auto whole = decoder.Next(&piece);
      if (!whole) return out + "error " + std::to_string(decoder.error_code());
      if (!*whole) continue;
      const WsItem& item = decoder.item();
      out += std::to_string(static_cast<int>(item.opcode)) + ":" + std::string(item.data);
      if (item.opcode == WsOpcode::kClose) out += "/" + std::to_string(item.close_code);
      out += ";";
    } while (!piece.empty());
  }
  return out;
}

std::string DecodeCutAnywhere(End end, const std::string& bytes) {
  const std::string_view all = bytes;
  const std::string whole = Decode(end, {all});
  for (size_t cut = 0; cut <= all.size(); ++cut) {
    EXPECT_EQ(Decode(end, {all.substr(0, cut), all.substr(cut)}), whole) << cut;
  }
  return whole;
}

std::string Raw(std::initializer_list<int> header, std::string_view payload = "") {
  std::string out;
  for (const int byte : header) out += static_cast<char>(byte);
  return out.append(payload);
}

TEST(WebSocketCodecTest, JoinsFragmentsAroundControlFrames) {
  EXPECT_EQ(
      DecodeCutAnywhere(End::kClient, Raw({0x01, 2}, "ab") + Raw({0x89, 1}, "p") + Raw({0x00, 0}) +
                                          Raw({0x80, 1}, "c") + Raw({0x82, 0}) + Raw({0x8a, 0}) +
                                          Raw({0x88, 4, 3, 232}, "ok")),
      "9:p;1:abc;2:;10:;8:ok/1000;");
  EXPECT_EQ(Decode(End::kClient, {Raw({0x88, 0})}), "8:/1005;");
}

TEST(WebSocketCodecTest, TheExampleOfTheRfcIsUnmasked) {
  EXPECT_EQ(DecodeCutAnywhere(End::kServer, Raw({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f,
                                                 0x4d, 0x51, 0x58})),
            "1:Hello;");
}

TEST(WebSocketCodecTest, EverySizeComesBackMaskedOrNot) {
  const WsMask mask = {1, 0x82, 3, 0xf4};
  for (const size_t size : {0, 1, 7, 125, 126, 127, 65535, 65536, 100'000}) {
    std::string payload;
    for (size_t i = 0; i < size; ++i) payload += static_cast<char>('a' + i % 26);
    for (const WsMask* with : {static_cast<const WsMask*>(nullptr), &mask}) {
      std::string frame;
      AppendWsFrame(&frame, WsOpcode::kBinary, payload, with);
      const End end = with == nullptr ? End::kClient : End::kServer;
      const std::string_view all = frame;
      EXPECT_EQ(Decode(end, {all}), "2:" + payload + ";");
      EXPECT_EQ(Decode(end, {all.substr(0, size / 3 + 1), all.substr(size / 3 + 1)}),
                "2:" + payload + ";");
    }
  }
}

TEST(WebSocketCodecTest, EnforcesTheRules) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {Raw({0xc1, 0}), "error 1002"},                   // reserved bit
      {Raw({0x83, 0}), "error 1002"},                   // opcode 3
      {Raw({0x8b, 0}), "error 1002"},                   // opcode 11
      {Raw({0x81, 0x80, 0, 0, 0, 0}), "error 1002"},    // masked by a server
      {Raw({0x09, 0}), "error 1002"},                   // fragmented ping
      {Raw({0x89, 126, 0, 126}), "error 1002"},         // long ping
      {Raw({0x80, 0}), "error 1002"},                   // continuation of nothing
      {Raw({0x01, 0}) + Raw({0x81, 0}), "error 1002"},  // message within a message
      {Raw({0x82, 126, 0, 125}), "error 1002"},         // not the shortest length
      {Raw({0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff}), "error 1002"},
      {Raw({0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}), "error 1002"},
      {Raw({0x88, 1, 3}), "error 1002"},             // half a code
      {Raw({0x88, 2, 3, 237}), "error 1002"},        // 1005 on the wire
      {Raw({0x88, 3, 3, 232, 0xff}), "error 1007"},  // reason not UTF-8
      {Raw({0x81, 1, 0xff}), "error 1007"},
      {Raw({0x81, 1, 0xc3}), "error 1007"},              // cut character
      {Raw({0x81, 3, 0xed, 0xa0, 0x80}), "error 1007"},  // surrogate
      {Raw({0x81, 2, 0xc0, 0x80}), "error 1007"},        // overlong
      {Raw({0x01, 1, 0xc3}) + Raw({0x80, 1, 0xa9}), "1:\xc3\xa9;"},
  };
  for (const auto& [bytes, want] : cases) EXPECT_EQ(DecodeCutAnywhere(End::kClient, bytes), want);
  EXPECT_EQ(Decode(End::kServer, {Raw({0x81, 0})}), "error 1002");
}

TEST(WebSocketCodecTest, AMessageOverTheLimitIsRefusedBeforeItComes) {
  EXPECT_EQ(Decode(End::kClient, {Raw({0x82, 4}, "abcd")}, 4), "2:abcd;");
  EXPECT_EQ(Decode(End::kClient, {Raw({0x82, 5})}, 4), "error 1009");
  EXPECT_EQ(Decode(End::kClient, {Raw({0x02, 3}, "abc") + Raw({0x80, 2})}, 4), "error 1009");
}

TEST(WebSocketCodecTest, CloseReasonsAreCutAtACharacter) {
  EXPECT_EQ(WsClosePayload(1000, "ok"), std::string("\x03\xe8ok"));
  EXPECT_EQ(WsClosePayload(ws_close::kNone, "x"), "");
  const std::string cut = WsClosePayload(1000, std::string(122, 'a') + "\xc3\xa9");
  EXPECT_EQ(cut.size(), 124u);
}

}  // namespace
}  // namespace cove::codec
