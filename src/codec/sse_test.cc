// Goal: events come out the same however the bytes are cut, and one bad event costs only itself.
// Method: each stream is fed whole and byte by byte.
#include "codec/sse.h"

#include <gtest/gtest.h>

#include <vector>

namespace cove::codec {
namespace {

using Events = std::vector<std::pair<std::string, std::string>>;

Events Parse(std::string_view text, size_t step, size_t limit = SseParser::kEventBytesMax) {
  Events out;
  SseParser parser([&](const SseEvent& e) { out.emplace_back(e.type, e.data); }, limit);
  for (size_t at = 0; at < text.size(); at += step) parser.Feed(text.substr(at, step));
  return out;
}

void ExpectEvents(std::string_view text, const Events& want) {
  EXPECT_EQ(Parse(text, text.size()), want);
  EXPECT_EQ(Parse(text, 1), want);
}

TEST(SseParserTest, ReadsTypeAndData) {
  ExpectEvents("event: a\ndata: {\"x\":1}\n\ndata:2\n\n", {{"a", "{\"x\":1}"}, {"", "2"}});
}

TEST(SseParserTest, TakesAllThreeLineEnds) {
  ExpectEvents("data: a\r\n\r\ndata: b\r\rdata: c\n\n", {{"", "a"}, {"", "b"}, {"", "c"}});
}

TEST(SseParserTest, JoinsDataLinesAndIgnoresCommentsAndUnknownFields) {
  ExpectEvents("\xef\xbb\xbf: hello\ndata: a\nretry: 3\ndata\ndata: b\n\n", {{"", "a\n\nb"}});
}

TEST(SseParserTest, AnEventWithoutDataIsNone) { ExpectEvents("event: ping\n\n", {}); }

TEST(SseParserTest, WhatIsNotClosedComesOnlyWithEnd) {
  Events out;
  SseParser parser([&](const SseEvent& e) { out.emplace_back(e.type, e.data); });
  parser.Feed("data: a");
  EXPECT_TRUE(out.empty());
  parser.End();
  EXPECT_EQ(out, (Events{{"", "a"}}));
}

TEST(SseParserTest, AnEventOverTheLimitIsSkippedAlone) {
  const std::string text = "data: " + std::string(100, 'x') + "\ndata: y\n\ndata: ok\n\n";
  EXPECT_EQ(Parse(text, text.size(), 64), (Events{{"", "ok"}}));
  EXPECT_EQ(Parse(text, 1, 64), (Events{{"", "ok"}}));
}

TEST(SseWriterTest, WhatItWritesIsReadBack) {
  EXPECT_EQ(FormatSse("", "x"), "data: x\n\n");
  EXPECT_EQ(FormatSse("", "x", "a\r\nb"), "id: ab\ndata: x\n\n");
  ExpectEvents(FormatSse("a\nb", "one\r\ntwo\rthree\n", "9"), {{"ab", "one\ntwo\nthree\n"}});
  ExpectEvents(kSseKeepAlive, {});
}

}  // namespace
}  // namespace cove::codec
