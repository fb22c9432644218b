// Goal: forms of browsers, curl and the SDKs come out the same however they are cut, and memory
// stays bounded. Method: forms split at every byte position; a writer's form is read back.
#include "codec/multipart.h"

#include <gtest/gtest.h>

namespace cove::codec {
namespace {

using Event = MultipartParser::Event;

std::string Parse(const std::vector<std::string_view>& pieces, std::string_view boundary = "B",
                  size_t parts_max = 10) {
  MultipartParser parser(boundary, parts_max);
  std::string out;
  for (std::string_view piece : pieces) {
    for (;;) {
      auto event = parser.Next(&piece);
      if (!event) return out + "error " + std::string(CodeName(event.error().code()));
      if (*event == Event::kNeedMore) break;
      if (*event == Event::kPart) {
        const MultipartPart& part = parser.part();
        out += "[" + part.name;
        if (part.has_filename) out += "|" + part.filename;
        if (!part.content_type.empty()) out += "|" + part.content_type;
        out += ":";
      } else if (*event == Event::kData) {
        out += parser.data();
      } else if (*event == Event::kPartEnd) {
        out += "]";
      } else {
        out += "end";
        return out;
      }
    }
  }
  return out + "cut";
}

std::string ParseCutAnywhere(const std::string& text) {
  const std::string_view all = text;
  const std::string whole = Parse({all});
  for (size_t cut = 0; cut <= all.size(); ++cut) {
    EXPECT_EQ(Parse({all.substr(0, cut), all.substr(cut)}), whole) << cut;
  }
  std::vector<std::string_view> bytes;
  for (size_t i = 0; i < all.size(); ++i) bytes.push_back(all.substr(i, 1));
  EXPECT_EQ(Parse(bytes), whole);
  return whole;
}

const std::string kField = "Content-Disposition: form-data; name=\"a\"\r\n\r\n";

TEST(MultipartTest, ReadsAFormHoweverItIsCut) {
  EXPECT_EQ(
      ParseCutAnywhere("preamble\r\n--B \t\r\n" + kField +
                       "one\r\n--\r\n-B\r\r\n--\r\n--B\r\n"
                       "content-type: text/plain\r\n"
                       "content-disposition: FORM-DATA; filename=\"x.txt\"; name=f[0].file\r\n"
                       "X-Other: y\r\n\r\n\r\n--B--\r\nepilogue"),
      "[a:one\r\n--\r\n-B\r\r\n--][f[0].file|x.txt|text/plain:]end");
  EXPECT_EQ(ParseCutAnywhere("--B--"), "end");
  EXPECT_EQ(ParseCutAnywhere("--B\r\n" + kField + "part"), "[a:partcut");
}

TEST(MultipartTest, UnderstandsTheNamesThatClientsWrite) {
  const auto name = [](const std::string& parameters) {
    return Parse({"--B\r\nContent-Disposition: form-data; " + parameters + "\r\n\r\n\r\n--B--"});
  };
  EXPECT_EQ(name("name=\"a\\\"b\\\\c\""), "[a\"b\\c:]end");
  EXPECT_EQ(name("name=\"a%22b\"; filename=\"\""), "[a\"b|:]end");
  EXPECT_EQ(name("name=\"a\"; filename=\"C:\\dir\\x; y\""), "[a|C:\\dir\\x; y:]end");
  EXPECT_EQ(name("name=a; filename=\"z\"; filename*=UTF-8''%E2%82%AC%20x"),
            "[a|\xe2\x82\xac x:]end");
  EXPECT_EQ(name("name=a; filename*=utf-8'en'y; filename=\"z\""), "[a|y:]end");
}

TEST(MultipartTest, RefusesWhatIsMalformed) {
  for (const std::string& bad :
       {std::string("--B\r\n\r\nx\r\n--B--"), std::string("--B\r\nX: y\r\n\r\n\r\n--B--"),
        std::string("--Bx\r\n"), std::string("--B x\r\n"),
        "--B\r\nContent-Disposition: attachment; name=a\r\n\r\n" + std::string(),
        "--B\r\nContent-Disposition: form-data; filename=a\r\n\r\n" + std::string(),
        "--B\r\nContent-Disposition: form-data; name=\"a\r\n\r\n" + std::string(),
        "--B\r\nContent-Disposition: form-data; name=a; filename*=latin1''x\r\n\r\n" +
            std::string(),
        "--B\r\n" + kField.substr(0, kField.size() - 2) + kField,
        "--B\r\n" + std::string("a b: c\r\n\r\n")}) {
    EXPECT_EQ(ParseCutAnywhere(bad), "error invalid") << bad;
  }
}

TEST(MultipartTest, KeepsItsLimits) {
  const std::string part = "--B\r\n" + kField + "\r\n";
  EXPECT_EQ(Parse({part + part + "--B--"}, "B", 2), "[a:][a:]end");
  EXPECT_EQ(Parse({part + part + "--B--"}, "B", 1), "[a:]error too_large");
  EXPECT_EQ(Parse({"--B\r\nX: " + std::string(20'000, 'x')}), "error too_large");
  EXPECT_EQ(Parse({"--B" + std::string(300, ' ')}), "error invalid");
}

TEST(MultipartTest, BigContentComesThroughUnchanged) {
  std::string content;
  for (int i = 0; i < 50'000; ++i) content += i % 7 == 0 ? "\r\n--" : std::to_string(i);
  EXPECT_EQ(Parse({"--B\r\n" + kField + content + "\r\n--B--"}), "[a:" + content + "]end");
}

TEST(MultipartTest, ContentIsSeenWhereItLiesInTheInput) {
  MultipartParser parser("B");
  std::string_view head = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n";
  EXPECT_EQ(*parser.Next(&head), Event::kPart);
  EXPECT_EQ(*parser.Next(&head), Event::kNeedMore);
  const std::string content = std::string(1000, 'x') + "\r";
  std::string_view in = content;
  EXPECT_EQ(*parser.Next(&in), Event::kData);
  EXPECT_EQ(static_cast<const void*>(parser.data().data()), content.data());
  EXPECT_EQ(parser.data().size(), 1000u);  // the last byte may begin a boundary
  EXPECT_EQ(*parser.Next(&in), Event::kNeedMore);
  std::string_view rest = "\n--B--";
  EXPECT_EQ(*parser.Next(&rest), Event::kPartEnd);
}

TEST(MultipartTest, FindsTheBoundary) {
  EXPECT_EQ(*MultipartBoundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(*MultipartBoundary("Multipart/Form-Data; charset=x; BOUNDARY=\"a b\""), "a b");
  for (const char* bad : {"", "text/plain; boundary=a", "multipart/form-data",
                          "multipart/form-data; boundary=", "multipart/form-data; boundary=\"a"}) {
    EXPECT_FALSE(MultipartBoundary(bad)) << bad;
  }
  EXPECT_FALSE(MultipartBoundary("multipart/form-data; boundary=" + std::string(71, 'x')));
}

TEST(MultipartTest, WhatIsWrittenIsReadBack) {
  MultipartWriter writer;
  const std::string form = writer.PartHead("a\"\r\nb") + "1" +
                           writer.PartHead("f", "x.bin", "application/octet-stream") + "\r\n2" +
                           writer.End();
  const auto boundary = MultipartBoundary(writer.ContentType());
  ASSERT_TRUE(boundary);
  EXPECT_EQ(Parse({form}, *boundary), "[a\"\r\nb:1][f|x.bin|application/octet-stream:\r\n2]end");
  MultipartWriter empty;
  EXPECT_EQ(Parse({empty.End()}, *MultipartBoundary(empty.ContentType())), "end");
}

}  // namespace
}  // namespace cove::codec
