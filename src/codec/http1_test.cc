// Goal: heads and bodies mean the same however they are cut, and whatever is ambiguous is refused.
// Method: every message is split at every byte position, and fed byte by byte.
#include "codec/http1.h"

#include <gtest/gtest.h>

namespace cove::codec {
namespace {

using Kind = Http1HeadParser::Kind;

std::string Describe(const Http1Head& head) {
  std::string out = std::string(head.method) + "|" + std::string(head.target) + "|" +
                    std::to_string(head.status) + "|1." + std::to_string(head.minor_version);
  for (const auto& field : head.fields) {
    out += "|" + std::string(field.name) + "=" + std::string(field.value);
  }
  if (head.chunked) out += "|chunked";
  if (head.has_length) out += "|length " + std::to_string(head.length);
  if (!head.keep_alive) out += "|close";
  if (head.expect_continue) out += "|expect";
  return out;
}

// Feeds the pieces; what is left over follows after "+".
std::string Parse(Kind kind, const std::vector<std::string_view>& pieces, Http1Limits limits = {}) {
  Http1HeadParser parser(kind, limits);
  std::string rest;
  bool done = false;
  for (std::string_view piece : pieces) {
    if (!done) {
      auto result = parser.Next(&piece);
      if (!result) return "error " + std::string(CodeName(result.error().code()));
      done = *result;
    }
    rest += piece;
  }
  return done ? Describe(parser.head()) + "+" + rest : "more";
}

std::string ParseCutAnywhere(Kind kind, const std::string& text) {
  const std::string_view all = text;
  const std::string whole = Parse(kind, {all});
  for (size_t cut = 0; cut <= all.size(); ++cut) {
    EXPECT_EQ(Parse(kind, {all.substr(0, cut), all.substr(cut)}), whole) << "cut at " << cut;
  }
  std::vector<std::string_view> bytes;
  for (size_t i = 0; i < all.size(); ++i) bytes.push_back(all.substr(i, 1));
  EXPECT_EQ(Parse(kind, bytes), whole);
  return whole;
}

TEST(Http1HeadTest, ReadsARequestHoweverItIsCut) {
  EXPECT_EQ(ParseCutAnywhere(Kind::kRequest,
                             "POST /a?b=c HTTP/1.1\r\nHost: x:80\r\nContent-Length:  12 \r\n"
                             "X:\r\nExpect: 100-Continue\r\n\r\nrest"),
            "POST|/a?b=c|0|1.1|Host=x:80|Content-Length=12|X=|Expect=100-Continue|length 12|expect"
            "+rest");
  EXPECT_EQ(ParseCutAnywhere(Kind::kRequest, "\r\nGET / HTTP/1.0\r\n\r\n"), "GET|/|0|1.0|close+");
  EXPECT_EQ(Parse(Kind::kRequest, {"GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n"}),
            "GET|/|0|1.0|Connection=x, Keep-Alive+");
}

TEST(Http1HeadTest, ReadsAResponseHoweverItIsCut) {
  EXPECT_EQ(ParseCutAnywhere(Kind::kResponse,
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                             "Connection: close\r\n\r\n5\r\n"),
            "||200|1.1|Transfer-Encoding=chunked|Connection=close|chunked|close+5\r\n");
  EXPECT_EQ(Parse(Kind::kResponse, {"HTTP/1.1 204\r\n\r\n"}), "||204|1.1+");
}

TEST(Http1HeadTest, TakesTheFourFormsOfTargetEachWithItsMethod) {
  const auto parse = [](const std::string& line) {
    return Parse(Kind::kRequest, {line + " HTTP/1.1\r\nHost: a\r\n\r\n"});
  };
  EXPECT_EQ(parse("CONNECT a.b:443"), "CONNECT|a.b:443|0|1.1|Host=a+");
  EXPECT_EQ(parse("CONNECT [::1]:443"), "CONNECT|[::1]:443|0|1.1|Host=a+");
  EXPECT_EQ(parse("OPTIONS *"), "OPTIONS|*|0|1.1|Host=a+");
  EXPECT_EQ(parse("GET http://a/b"), "GET|http://a/b|0|1.1|Host=a+");
  for (const char* line : {"CONNECT /", "CONNECT a", "CONNECT a:0", "CONNECT a:99999", "GET *",
                           "GET a", "GET a:443", "GET ?x", "GET /a#b", "GET /\x80"}) {
    EXPECT_EQ(parse(line), "error invalid") << line;
  }
}

TEST(Http1HeadTest, RefusesWhatTwoProgramsCouldReadInTwoWays) {
  const std::string start = "POST / HTTP/1.1\r\n";
  const std::string host = "Host: a\r\n";
  const std::string nul("X: a\0b\r\n", 8);
  const std::vector<std::string> bad = {
      "POST / HTTP/1.1\nHost: a\r\n\r\n",
      start + "Host: a\n\r\n",
      start + host + "X: a\rb\r\n\r\n",
      start + host + "X: a\r\n b\r\n\r\n",
      start + " " + host + "\r\n",
      start + host + "X : a\r\n\r\n",
      start + host + ": a\r\n\r\n",
      start + host + "noise\r\n\r\n",
      start + host + nul + "\r\n",
      start + host + "X: a\x7f\r\n\r\n",
      start + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      start + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
      start + host + "Content-Length: 1, 1\r\n\r\n",
      start + host + "Content-Length: +1\r\n\r\n",
      start + host + "Content-Length: 0x1\r\n\r\n",
      start + host + "Content-Length: \r\n\r\n",
      start + host + "Content-Length: 99999999999999999999\r\n\r\n",
      start + host + "Transfer-Encoding: gzip, chunked\r\n\r\n",
      start + host + "Transfer-Encoding: identity\r\n\r\n",
      start + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
      start + host + "Transfer-Encoding: \x0b" + "chunked\r\n\r\n",
      "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
      start + "\r\n",
      start + host + host + "\r\n",
      start + "Host: a b\r\n\r\n",
      start + "Host: a/b\r\n\r\n",
      start + "Host: u@b\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
      "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
      "GET / http/1.1\r\nHost: a\r\n\r\n",
      "GET /\r\nHost: a\r\n\r\n",
      "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
      " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
  };
  for (const std::string& text : bad) {
    EXPECT_EQ(ParseCutAnywhere(Kind::kRequest, text), "error invalid") << text;
  }
}

TEST(Http1HeadTest, TakesTheSameLengthTwice) {
  EXPECT_EQ(
      Parse(Kind::kRequest, {"POST / HTTP/1.0\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\n"}),
      "POST|/|0|1.0|Content-Length=1|content-length=1|length 1|close+");
}

TEST(Http1HeadTest, KeepsItsLimits) {
  const std::string head = "GET / HTTP/1.0\r\nA: b\r\nC: d\r\n\r\n";
  EXPECT_EQ(Parse(Kind::kRequest, {head}, {head.size(), 2}), "GET|/|0|1.0|A=b|C=d|close+");
  EXPECT_EQ(Parse(Kind::kRequest, {head}, {head.size() - 1, 2}), "error too_large");
  EXPECT_EQ(Parse(Kind::kRequest, {head}, {head.size(), 1}), "error too_large");
}

TEST(Http1HeadTest, IsUsedAgainAfterReset) {
  Http1HeadParser parser(Kind::kRequest);
  for (int i = 0; i < 3; ++i) {
    std::string_view in = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    auto done = parser.Next(&in);
    ASSERT_TRUE(done && *done);
    EXPECT_EQ(Describe(parser.head()), "GET|/x|0|1.1|Host=a");
    parser.Reset();
    EXPECT_FALSE(parser.started());
  }
}

// The decoded body and what was left over; or the error.
std::string Decode(Http1BodyDecoder decoder, const std::vector<std::string_view>& pieces,
                   size_t max = SIZE_MAX) {
  std::string out;
  std::string rest;
  for (std::string_view piece : pieces) {
    while (!piece.empty() && !decoder.done()) {
      auto data = decoder.Next(&piece, max);
      if (!data) return "error " + std::string(CodeName(data.error().code()));
      EXPECT_LE(data->size(), max);
      out += *data;
    }
    rest += piece;
  }
  const bool done = decoder.done();
  if (!decoder.End()) return "cut:" + out;
  return (done ? "done:" : "closed:") + out + "+" + rest;
}

std::string DecodeCutAnywhere(const Http1BodyDecoder& decoder, const std::string& text) {
  const std::string_view all = text;
  const std::string whole = Decode(decoder, {all});
  for (size_t cut = 0; cut <= all.size(); ++cut) {
    EXPECT_EQ(Decode(decoder, {all.substr(0, cut), all.substr(cut)}), whole) << cut;
  }
  EXPECT_EQ(Decode(decoder, {all}, 1), whole);
  return whole;
}

TEST(Http1BodyTest, EndsByLengthChunksOrClose) {
  EXPECT_EQ(DecodeCutAnywhere(Http1BodyDecoder::None(), "x"), "done:+x");
  EXPECT_EQ(DecodeCutAnywhere(Http1BodyDecoder::OfLength(3), "abcdef"), "done:abc+def");
  EXPECT_EQ(DecodeCutAnywhere(Http1BodyDecoder::OfLength(9), "abcdef"), "cut:abcdef");
  EXPECT_EQ(DecodeCutAnywhere(Http1BodyDecoder::UntilClose(), "abc"), "closed:abc+");
  EXPECT_EQ(DecodeCutAnywhere(Http1BodyDecoder::Chunked(),
                              "3\r\nabc\r\nA;x=\"y\"\r\n0123456789\r\n0\r\nT: v\r\n\r\nnext"),
            "done:abc0123456789+next");
  EXPECT_EQ(DecodeCutAnywhere(Http1BodyDecoder::Chunked(), "3\r\nabc\r\n0\r\n"), "cut:abc");
}

TEST(Http1BodyTest, RefusesMalformedChunks) {
  for (const char* text :
       {"\r\n", "g\r\n", "3\nabc\r\n", "3 \r\nabc\r\n", " 3\r\nabc\r\n", "-3\r\n", "0x3\r\n",
        "3\r\nabcd\r\n", "3\r\nabc\n", "3\r\nabc\rx", "3;a\nb\r\n", "0\r\nT: v\n\r\n",
        "0\r\nT: \x01\r\n\r\n", "1000000000000000\r\n"}) {
    EXPECT_EQ(DecodeCutAnywhere(Http1BodyDecoder::Chunked(), text), "error invalid") << text;
  }
  EXPECT_EQ(Decode(Http1BodyDecoder::Chunked(), {"1;" + std::string(2000, 'x')}),
            "error too_large");
  EXPECT_EQ(Decode(Http1BodyDecoder::Chunked(), {"0\r\nT:" + std::string(9000, 'x')}),
            "error too_large");
}

TEST(Http1BodyTest, TheFramingOfAResponseDependsOnTheRequest) {
  Http1Head head;
  head.status = 200;
  EXPECT_TRUE(Http1BodyDecoder::OfResponse(head, "GET").until_close());
  EXPECT_TRUE(Http1BodyDecoder::OfResponse(head, "CONNECT").done());
  head.has_length = true;
  head.length = 5;
  EXPECT_EQ(Http1BodyDecoder::OfResponse(head, "GET").contiguous(), 5u);
  EXPECT_TRUE(Http1BodyDecoder::OfResponse(head, "HEAD").done());
  for (const int status : {101, 204, 304}) {
    head.status = status;
    EXPECT_TRUE(Http1BodyDecoder::OfResponse(head, "GET").done()) << status;
  }
}

TEST(Http1WriterTest, RefusesWhatWouldForgeALine) {
  auto writer = Http1HeadWriter::Request("GET", "/x");
  writer.Field("Host", "a");
  EXPECT_EQ(*writer.Finish(), "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  auto response = Http1HeadWriter::Response(404, "Not Found");
  response.Field("A", "caf\xc3\xa9");
  EXPECT_EQ(*response.Finish(), "HTTP/1.1 404 Not Found\r\nA: caf\xc3\xa9\r\n\r\n");
  EXPECT_FALSE(Http1HeadWriter::Request("GET", "/x y").Finish());
  EXPECT_FALSE(Http1HeadWriter::Request("GET\r\n", "/x").Finish());
  EXPECT_FALSE(Http1HeadWriter::Response(99, "x").Finish());
  EXPECT_FALSE(Http1HeadWriter::Response(200, "O\nK").Finish());
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"A", "b\r\nC: d"}, {"A: b", "c"}, {"", "c"}, {"A", std::string("b\0", 2)}};
  for (const auto& [name, value] : bad) {
    auto forged = Http1HeadWriter::Response(200, "OK");
    forged.Field(name, value);
    EXPECT_FALSE(forged.Finish());
  }
}

TEST(Http1WriterTest, ChunkHeadersAreHexadecimal) {
  EXPECT_EQ(Http1ChunkHeader(0), "0\r\n");
  EXPECT_EQ(Http1ChunkHeader(26), "1a\r\n");
  EXPECT_EQ(Http1ChunkHeader(UINT64_MAX), "ffffffffffffffff\r\n");
}

}  // namespace
}  // namespace cove::codec
