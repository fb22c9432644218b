// Goal: compressed bodies are decoded however they are split, and a bomb or a lie is not.
// Method: bodies packed by zlib and libzstd, fed in pieces, cut and broken.
#include "http/content_coding.h"

#include <gtest/gtest.h>

#include "http/packing_test.h"

namespace cove::http {
namespace {

std::string Long() {
  std::string out;
  for (int i = 0; i < 20'000; ++i) out += std::to_string(i * 7919 % 10'007);
  return out;
}

TEST(ContentCodingTest, BodiesAreDecodedInAnyPieces) {
  const std::string text = Long();
  for (const auto& [coding, packed] :
       {std::pair(Coding::kGzip, Gzip(text) + Gzip("end")),
        std::pair(Coding::kZstd, Zstd(text, 20) + Zstd("end", 20))}) {
    auto whole = DecodeAll(coding, packed, text.size() + 3);
    ASSERT_TRUE(whole) << whole.error().message();
    EXPECT_EQ(*whole, text + "end");
    std::string bytes;
    const auto decoder = MakeDecoder(coding);
    for (const char byte : packed) {
      ASSERT_TRUE(decoder->Feed({&byte, 1}, [&](std::string_view piece) -> Result<void> {
        bytes += piece;
        return Ok();
      }));
    }
    EXPECT_TRUE(decoder->whole());
    EXPECT_EQ(bytes, text + "end");
    EXPECT_EQ(DecodeAll(coding, packed, text.size()).error().code(), Code::kTooLarge);
    EXPECT_EQ(DecodeAll(coding, packed.substr(0, packed.size() - 1), 1 << 20).error().code(),
              Code::kInvalid);
    EXPECT_EQ(DecodeAll(coding, "x" + packed, 1 << 20).error().code(), Code::kInvalid);
    EXPECT_EQ(DecodeAll(coding, "", 1 << 20).error().code(), Code::kInvalid);
  }
}

TEST(ContentCodingTest, AWindowThatTakesMuchMemoryIsRefused) {
  std::string text(size_t{20} << 20, 'x');
  EXPECT_TRUE(DecodeAll(Coding::kZstd, Zstd(text, 23), text.size()));
  EXPECT_FALSE(DecodeAll(Coding::kZstd, Zstd(text, 24), text.size()));
}

TEST(ContentCodingTest, TheHeaderSaysWhich) {
  const auto of = [](const char* value) { return CodingOf({{"Content-Encoding", value}}); };
  EXPECT_EQ(CodingOf({}), Coding::kNone);
  EXPECT_EQ(of("identity"), Coding::kNone);
  EXPECT_EQ(of(" GZIP "), Coding::kGzip);
  EXPECT_EQ(of("zstd"), Coding::kZstd);
  EXPECT_EQ(of("br"), Coding::kOther);
  EXPECT_EQ(of("gzip, zstd"), Coding::kOther);
  EXPECT_EQ(CodingOf({{"content-encoding", "gzip"}, {"Content-Encoding", "gzip"}}), Coding::kOther);
}

}  // namespace
}  // namespace cove::http
