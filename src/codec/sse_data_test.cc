// Goal: the data of a stream is what SseParser gives, however the stream is split.
// Method: both readers on streams with every kind of line end, whole and split at every byte.
#include "codec/sse_data.h"

#include <gtest/gtest.h>

#include "codec/sse.h"

namespace cove::codec {
namespace {

std::string WholeEvents(std::string_view text) {
  std::string out;
  SseParser parser([&out](const SseEvent& e) { out.append(e.data).append("|"); });
  parser.Feed(text);
  parser.End();
  return out;
}

void FeedTo(SseData& reader, std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    const SseData::Step step = reader.Next(bytes);
    ASSERT_GT(step.used, 0U);
    if (step.what == SseData::What::kData) out += step.data;
    if (step.what == SseData::What::kEnd) out += '|';
    bytes.remove_prefix(step.used);
  }
}

TEST(SseDataTest, SplitAnywhereItGivesWhatTheParserGives) {
  for (const std::string_view text : {
           "data: a\n\n",
           "data:a\r\ndata:  b\r\n\r\n",
           "data\n\ndata\rdata\r\r",
           "\xef\xbb\xbf"
           "data: mark\n\n",
           "\xef\xbb"
           "data: no mark\n\ndata: x\n\n",
           ": comment\n\nevent: e\ndata: x\nid: 1\n\n",
           "dat: x\ndatax: y\ndata:\n\n",
           "data: unfinished\n",
           "data: unfinished",
           "data: a\r",
           "data: a\ndata",
           "\n\n\r\r\n\ndata: z\n\n",
           "data: a\r\rdata: b\r\r",
       }) {
    const std::string want = WholeEvents(text);
    for (size_t cut = 0; cut <= text.size(); ++cut) {
      SseData reader;
      std::string got;
      FeedTo(reader, text.substr(0, cut), got);
      FeedTo(reader, text.substr(cut), got);
      FeedTo(reader, "\n\n", got);
      EXPECT_EQ(got, want) << text << " cut at " << cut;
    }
  }
}

TEST(SseDataTest, BlankLinesWithoutDataAreNoEvents) {
  SseData reader;
  EXPECT_EQ(reader.Next("\r\nx").used, 2U);
  EXPECT_EQ(reader.Next("\r").what, SseData::What::kBlank);
  EXPECT_EQ(reader.Next("\n").what, SseData::What::kLineEnd);
}

}  // namespace
}  // namespace cove::codec
