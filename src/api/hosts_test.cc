// Goal: a preview host names exactly one sandbox and port, and URLs follow the client's host.
// Method: pure calls with good and hostile names.
#include "api/hosts.h"

#include <gtest/gtest.h>

namespace cove::api {
namespace {

constexpr char kId[] = "0b8f3a52-1c2d-4e5f-8a9b-0c1d2e3f4a5b";

http::RequestHead WithHost(std::string host) {
  http::RequestHead head;
  head.headers.Add("Host", std::move(host));
  return head;
}

TEST(PreviewHost, NamesPortAndSandbox) {
  const auto host = ParsePreviewHost(std::string("3000-") + kId + ".localhost");
  ASSERT_TRUE(host);
  EXPECT_EQ(host->port, 3000);
  EXPECT_EQ(host->sandbox.value, kId);
  EXPECT_TRUE(host->signed_token.empty());
}

TEST(PreviewHost, NamesASignedToken) {
  const auto host = ParsePreviewHost("8080-abcdef0123456789.cove.example.com");
  ASSERT_TRUE(host);
  EXPECT_EQ(host->signed_token, "abcdef0123456789");
}

TEST(PreviewHost, RefusesEverythingElse) {
  for (const std::string& host :
       {std::string("localhost"), std::string("127.0.0.1"), std::string(),
        std::string("0-") + kId + ".localhost", std::string("3000-") + kId,
        std::string("3000-") + kId + ".", std::string("65536-") + kId + ".x",
        std::string("03000-") + kId + ".x", std::string("-1-") + kId + ".x",
        std::string("3000-short.x"), std::string("3000-../../etc/passwd.x")}) {
    EXPECT_FALSE(ParsePreviewHost(host)) << host;
  }
}

TEST(Origin, FollowsTheHostHeader) {
  const Origin origin = Origin::Of(WithHost("cove.example.com:8443"), "");
  EXPECT_EQ(origin.Toolbox(), "http://cove.example.com:8443/toolbox");
  EXPECT_EQ(origin.Preview(1234, "abc"), "http://1234-abc.cove.example.com:8443");
}

TEST(Origin, PutsLocalhostWhereAnAddressCannotHaveLabels) {
  EXPECT_EQ(Origin::Of(WithHost("127.0.0.1:3986"), "").Preview(80, "x"),
            "http://80-x.localhost:3986");
  EXPECT_EQ(Origin::Of(WithHost("[::1]:3986"), "").Preview(80, "x"), "http://80-x.localhost:3986");
}

TEST(Origin, PrefersTheConfiguredUrl) {
  const Origin origin = Origin::Of(WithHost("10.0.0.1"), "https://cove.example.com/");
  EXPECT_EQ(origin.Base(), "https://cove.example.com");
  EXPECT_EQ(origin.Preview(80, "x"), "https://80-x.cove.example.com");
}

TEST(Origin, IgnoresAHostHeaderThatIsNoName) {
  EXPECT_EQ(Origin::Of(WithHost("evil\"<script>"), "").Base(), "http://localhost:3986");
}

}  // namespace
}  // namespace cove::api
