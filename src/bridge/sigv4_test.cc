// Goal: what is signed is what AWS computes.
// Method: the published vectors of AWS's signature test suite (its key, its day), and two requests
// to Bedrock whose signatures AWS's own JavaScript signer (@smithy/signature-v4) made.
#include "bridge/sigv4.h"

#include <gtest/gtest.h>

namespace cove::bridge {
namespace {

constexpr WallTime kDay{1'440'938'160'000'000};  // 2015-08-30T12:36:00Z

ProviderKey Key(std::string token = "") {
  ProviderKey key;
  key.access_key_id = "AKIDEXAMPLE";
  key.secret = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
  key.session_token = Secret(std::move(token));
  return key;
}

struct Asked {
  std::string method = "GET";
  std::string target = "/";
  http::Headers headers;
  std::string body;
  std::string service = "service";
  std::string token;
};

http::Headers Sign(const Asked& asked) {
  http::ClientRequest request;
  request.method = asked.method;
  request.url = *http::Url::Parse("https://example.amazonaws.com");
  request.url.target = asked.target;
  request.headers = asked.headers;
  request.body = asked.body;
  SignForAws(request, Key(asked.token), {"us-east-1", asked.service}, kDay);
  return request.headers;
}

std::string Tail(const Asked& asked) {
  const std::string all(*Sign(asked).Get("authorization"));
  const std::string head = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/" +
                           asked.service + "/aws4_request, SignedHeaders=";
  EXPECT_TRUE(all.starts_with(head)) << all;
  return all.substr(head.size());
}

TEST(SigV4Test, TheVectorsOfTheSuite) {
  const std::string plain = "host;x-amz-date, Signature=";
  EXPECT_EQ(Tail({}), plain + "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  EXPECT_EQ(Tail({.target = "/?Param2=value2&Param1=value1"}),
            plain + "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
  EXPECT_EQ(Tail({.target = "/\u1234"}),
            plain + "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
  EXPECT_EQ(Tail({.method = "POST"}),
            plain + "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
  EXPECT_EQ(Tail({.method = "POST",
                  .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                  .body = "Param1=value1"}),
            "content-type;host;x-amz-date, Signature="
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
}

TEST(SigV4Test, ATemporaryKeySendsAndSignsItsToken) {
  const Asked asked = {
      .method = "POST",
      .token =
          "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRX"
          "mxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburE"
          "Dy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL"
          "64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="};
  EXPECT_EQ(Tail(asked),
            "host;x-amz-date;x-amz-security-token, Signature="
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
  EXPECT_EQ(Sign(asked).Get("x-amz-security-token"), asked.token);
  EXPECT_EQ(Sign(asked).Get("x-amz-date"), "20150830T123600Z");
}

TEST(SigV4Test, AnEncodedPathIsEncodedOnceMore) {
  const http::Headers json = {{"content-type", "application/json"}, {"User-Agent", "unsigned"}};
  EXPECT_EQ(Tail({.method = "POST",
                  .target = "/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/"
                            "invoke-with-response-stream",
                  .headers = json,
                  .body = R"({"anthropic_version":"bedrock-2023-05-31"})",
                  .service = "bedrock"}),
            "content-type;host;x-amz-date, Signature="
            "c2be0e494096a651a768894e82e4d4fa1d5f614eea9622d159f7966c88ee7bd3");
  EXPECT_EQ(Tail({.method = "POST",
                  .target = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A111122223333%3A"
                            "application-inference-profile%2Fabc123/invoke",
                  .headers = json,
                  .body = "{}",
                  .service = "bedrock"}),
            "content-type;host;x-amz-date, Signature="
            "202e735be6ebc8ecc9533c5a41eebb5bdafb68fdbbfb01c0dcc5f519e7b5496f");
}

}  // namespace
}  // namespace cove::bridge
