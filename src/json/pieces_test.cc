// Goal: the wanted parts of a document come whole, in order and at their places, however the
// document is split, and a mistake costs only what follows it.
// Method: documents fed whole and split at every byte, parts compared with the document's text.
#include "json/pieces.h"

#include <gtest/gtest.h>

#include "json/json.h"

namespace cove::json {
namespace {

std::string Show(const PieceTable& table, std::string_view text, size_t cut, size_t max = 1000) {
  std::string out;
  Pieces pieces(table, max, [&](const Piece& p) {
    out += std::to_string(p.id) + "@" + std::to_string(p.begin) + "-" + std::to_string(p.end) +
           (p.cut ? "!" : "=") + std::string(p.text) + ";";
    if (!p.text.empty() && !p.cut) {
      EXPECT_EQ(text.substr(p.begin, p.end - p.begin), p.text);
    }
  });
  pieces.Feed(text.substr(0, cut));
  pieces.Feed(text.substr(cut));
  pieces.End();
  return out + (pieces.whole() ? "whole" : pieces.failed() ? "failed" : "open");
}

void Expect(const PieceTable& table, std::string_view text, std::string_view want) {
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(Show(table, text, cut), want) << text << " cut at " << cut;
  }
}

const PieceTable& Table() {
  static const PieceTable table({"id", "usage", "out.*", "out.*.name", "out.*.in.*"});
  return table;
}

TEST(PiecesTest, LeavesAreShownWithTheirTextAndGroupsAfterThem) {
  Expect(Table(), R"( {"x":{"id":9},"id": "a\"b" ,"usage":{"n":[1,{}]},"out":[{"name":1.5e3},7]} )",
         R"(0@21-27="a\"b";1@37-49={"n":[1,{}]};3@65-70=1.5e3;2@57-71=;2@72-73=;whole)");
  Expect(Table(), R"({"out":[{"in":["a",true]}],"id":null})",
         R"(4@15-18="a";4@19-23=true;2@8-25=;0@32-36=null;whole)");
}

TEST(PiecesTest, AKeyIsKnownHoweverItIsWrittenAndEachTimeItStands) {
  Expect(Table(), R"({"id":1,"\u0069d":2})", "0@6-7=1;0@18-19=2;whole");
  Expect(Table(), R"({"":1,"i":2,"idd":3})", "whole");
}

TEST(PiecesTest, WhatCameBeforeAMistakeStays) {
  Expect(Table(), R"({"id":1,"usage":})", "0@6-7=1;failed");
  Expect(Table(), R"({"id":"x)", "open");
  Expect(Table(), R"({"id":1]})", "0@6-7=1;failed");
  Expect(Table(), "{\"id\":\"a\nb\"}", "failed");
  Expect(Table(), "[DONE]", "failed");
  Expect(Table(), "{} {}", "failed");
  Expect(Table(), "12", "whole");
  Expect(Table(), std::string(Pieces::kDepthMax + 1, '['), "failed");
}

TEST(PiecesTest, ALongTextIsCutAndTheRestIsReadOn) {
  const std::string text = R"({"id":"0123456789","usage":{}})";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(Show(Table(), text, cut, 4), R"(0@6-18!"012;1@27-29={};whole)");
  }
}

TEST(PiecesTest, AnotherDocumentMayFollow) {
  int shown = 0;
  Pieces pieces(Table(), 100, [&](const Piece&) { ++shown; });
  pieces.Feed("{\"id\":[1,");
  pieces.Reset();
  pieces.Feed("{\"id\":1}");
  EXPECT_TRUE(pieces.whole());
  EXPECT_EQ(shown, 1);
}

TEST(UnquoteTest, ReadsWhatAStrictReaderReads) {
  const std::string raw = R"("a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 é😀")";
  EXPECT_EQ(Unquote(raw), std::string(Parse(raw)->as_string()));
  EXPECT_EQ(Unquote("null"), "");
  EXPECT_EQ(Unquote("{\"a\":1}"), "{\"a\":1}");
}

TEST(UnquoteTest, WhatIsCutOrNotValidIsStillText) {
  EXPECT_EQ(Unquote("\"ab"), "ab");
  EXPECT_EQ(Unquote("\"ab\\"), "ab");
  EXPECT_EQ(Unquote("\"ab\\u00"), "ab");
  EXPECT_EQ(Unquote("\"ab\xc3"), "ab");
  EXPECT_EQ(Unquote("\"\\ud83d!\""), "\xef\xbf\xbd!");
  EXPECT_EQ(Unquote("\"\\ude00\\ud83d\\u0041\""),
            "\xef\xbf\xbd\xef\xbf\xbd"
            "A");
  EXPECT_EQ(Unquote("\"a\xff longer\""), "a\xef\xbf\xbd longer");
  EXPECT_EQ(Unquote("\"\\uzzzz long\""), "\xef\xbf\xbdzzzz long");
}

}  // namespace
}  // namespace cove::json
