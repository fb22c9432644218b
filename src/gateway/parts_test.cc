// Goal: the gateway's small parts keep their promises. Method: pure calls; first bytes are fed in
// every split.
#include <gtest/gtest.h>

#include "gateway/first_bytes.h"
#include "gateway/http_request.h"
#include "gateway/stand_ins.h"
#include "gateway/throttle.h"

namespace cove::gateway {
namespace {

using Kind = FirstBytes::Kind;
using policy::Reason;

TEST(StandInsTest, ANameKeepsItsAddress) {
  StandIns a;
  StandIns b;
  const auto address = a.AddressOf("registry.npmjs.org");
  EXPECT_EQ(a.AddressOf("registry.npmjs.org"), address);
  EXPECT_EQ(b.AddressOf("registry.npmjs.org"), address);
  EXPECT_EQ(*a.NameOf(address), "registry.npmjs.org");
  EXPECT_EQ(StandIns::FirstChoice("registry.npmjs.org"), address);
  EXPECT_FALSE(StandIns().NameOf(address));
  EXPECT_EQ(StandIns().NameOf(a.AddressOf(kModelHost)), std::string(kModelHost));
  EXPECT_EQ(policy::Classify(address, {}), policy::AddressClass::kPublic);
}

TEST(StandInsTest, TheTableIsBoundedAndNamesNeverShareAnAddress) {
  StandIns table;
  for (size_t i = 0; i < 3 * kStandInsMax; ++i) {
    const std::string name = "h" + std::to_string(i) + ".test";
    const auto address = table.AddressOf(name);
    ASSERT_TRUE(StandIns::InRange(address));
    ASSERT_EQ(*table.NameOf(address), name);
  }
  EXPECT_EQ(table.size(), kStandInsMax);
  EXPECT_FALSE(table.NameOf(policy::Address::V4(34, 33, 1, 1)));
}

Kind Feed(std::string_view bytes) {
  FirstBytes whole;
  const Kind kind = whole.Feed(bytes);
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    FirstBytes parts;
    parts.Feed(bytes.substr(0, cut));
    parts.Feed(bytes.substr(cut));
    EXPECT_EQ(parts.kind(), kind) << bytes;
    EXPECT_EQ(parts.bytes(), bytes);
  }
  return kind;
}

TEST(FirstBytesTest, TellsProtocolsApart) {
  EXPECT_EQ(Feed("GET / HTTP/1.1\r\n"), Kind::kHttp);
  EXPECT_EQ(Feed("\r\nPROPFIND http://a/ HTTP/1.1\r\n"), Kind::kHttp);
  EXPECT_EQ(Feed("OPTIONS * HTTP/1.1\r\n"), Kind::kHttp);
  EXPECT_EQ(Feed("CONNECT a:1 HTTP/1.1\r\n"), Kind::kHttp);
  EXPECT_EQ(Feed("SSH-2.0-OpenSSH\r\n"), Kind::kOpaque);
  EXPECT_EQ(Feed("EHLO mail.test\r\n"), Kind::kOpaque);
  EXPECT_EQ(Feed("*1\r\n$4\r\nPING\r\n"), Kind::kOpaque);
  EXPECT_EQ(Feed(std::string("\0\0\0\x08", 4)), Kind::kOpaque);
  EXPECT_EQ(Feed(std::string("\x16\x03\x01\x00\x05\x02zzzz", 10)), Kind::kBadTls);
  EXPECT_EQ(Feed("GE"), Kind::kNeedMore);
  EXPECT_EQ(Feed(std::string(100, 'A')), Kind::kOpaque);
  std::string blank;
  for (int i = 0; i < 50; ++i) blank += "\r\n";
  EXPECT_EQ(Feed(blank), Kind::kHttp);
  EXPECT_EQ(Feed("\n\nGET / HTTP/1.1\r\n"), Kind::kHttp);
  EXPECT_EQ(Feed("\r\n\r"), Kind::kNeedMore);
}

TEST(FirstBytesTest, WhatAServerMayTakeForARequestIsOne) {
  EXPECT_EQ(Feed("get / HTTP/1.1\r\n"), Kind::kHttp);
  EXPECT_EQ(Feed("\nGet /a b HTTP/1.1\n"), Kind::kHttp);
  EXPECT_EQ(Feed("GET  / HTTP/1.1\r\n"), Kind::kHttp);
  EXPECT_EQ(Feed("GET\t/ HTTP/1.1 \r\n"), Kind::kHttp);
  EXPECT_EQ(Feed("GET HTTPS://a/ HTTP/1.1\r\n"), Kind::kHttp);
  EXPECT_EQ(Feed("get / HTTP/1.1\rHost: a"), Kind::kHttp);
  EXPECT_EQ(Feed("get / HTTP/1.1"), Kind::kNeedMore);
  EXPECT_EQ(Feed("gE"), Kind::kNeedMore);
  // What splits at any white space, and looks for no path.
  for (const char* blank : {" ", "\t", "\f", "\v", "\x1c", "\x85", "\xa0", "\r\n \r\n"}) {
    EXPECT_EQ(Feed(blank + std::string("GET /x HTTP/1.1\r\n")), Kind::kHttp) << blank;
    EXPECT_EQ(Feed("POST x" + std::string(blank) + "HTTP/1.1\r\n"),
              blank[0] == '\r' ? Kind::kOpaque : Kind::kHttp)
        << blank;
  }
  EXPECT_EQ(Feed("GET\f/x\fHTTP/1.1\r\n"), Kind::kHttp);
  EXPECT_EQ(Feed("HEAD x HTTP/1.1\r\n"), Kind::kHttp);
  EXPECT_EQ(Feed("post x HTTP/1.1\r\n"), Kind::kHttp);
  EXPECT_EQ(Feed("upload " + std::string(20, 'x')), Kind::kOpaque);
  EXPECT_EQ(Feed("GET x\r\nHost: a\r\n\r\n"), Kind::kHttp);
  EXPECT_EQ(Feed("POST x" + std::string("\0 HTTP/1.1\r\n", 12)), Kind::kHttp);
  // Who comes before the request.
  EXPECT_EQ(Feed("PROXY TCP4 192.0.2.1 192.0.2.2 1 80\r\n"), Kind::kHttp);
  EXPECT_EQ(Feed(std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 16)), Kind::kHttp);
  // Others that look a little like it.
  EXPECT_EQ(Feed("stat /path\n"), Kind::kOpaque);
  EXPECT_EQ(Feed("echo HTTP/1.1\n"), Kind::kOpaque);
  EXPECT_EQ(Feed("0033git-upload-pack /a.git" + std::string("\0host=a", 7)), Kind::kOpaque);
  EXPECT_EQ(Feed("<stream:stream to='a'>"), Kind::kOpaque);
  EXPECT_EQ(Feed("hello, you"), Kind::kOpaque);
}

TEST(FirstBytesTest, AnEndInTheMiddleOfALineIsNoRequest) {
  FirstBytes word;
  word.Feed("ruok");
  EXPECT_EQ(word.End(), Kind::kOpaque);
  FirstBytes hello;
  hello.Feed(std::string("\x16\x03", 2));
  EXPECT_EQ(hello.End(), Kind::kNeedMore);
  FirstBytes none;
  EXPECT_EQ(none.End(), Kind::kNeedMore);
  FirstBytes endless;
  EXPECT_EQ(endless.Feed("get /" + std::string(17000, 'a')), Kind::kHttp);
}

TEST(RowFilterTest, RepetitionIsToldOnceAndCounted) {
  RowFilter filter;
  const TimePoint start = Now();
  EXPECT_EQ(*filter.Admit("a", start), 0u);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(filter.Admit("a", start));
  EXPECT_EQ(*filter.Admit("b", start), 1000u);
  EXPECT_EQ(*filter.Admit("a", start + RowFilter::kWindow), 0u);
}

TEST(RowFilterTest, DifferentRowsAreBoundedByTheirRate) {
  RowFilter filter;
  size_t written = 0;
  for (int i = 0; i < 100000; ++i) written += filter.Admit(std::to_string(i), Now()) ? 1 : 0;
  EXPECT_LT(written, 1000u);
}

RequestTarget Read(std::string target, http::Headers headers, std::string method = "GET") {
  http::RequestHead head;
  head.method = std::move(method);
  head.target = std::move(target);
  head.headers = std::move(headers);
  return ReadRequestTarget(head, "http");
}

TEST(HttpRequestTest, ReadsOneHostOrRefuses) {
  const auto plain = Read("/a?b", {{"Host", "Allowed.test:8080"}});
  EXPECT_EQ(plain.reason, Reason::kAllowed);
  EXPECT_EQ(plain.host, "allowed.test");
  EXPECT_EQ(*plain.port, 8080);
  EXPECT_EQ(Read("http://allowed.test?x", {{"Host", "allowed.test"}}).target, "/?x");
  EXPECT_EQ(Read("http://evil.test/", {{"Host", "allowed.test"}}).reason, Reason::kNameMismatch);
  EXPECT_EQ(Read("http://a@allowed.test/", {{"Host", "allowed.test"}}).reason,
            Reason::kNameMismatch);
  EXPECT_EQ(Read("/", {{"Host", "a.test"}, {"host", "a.test"}}).reason, Reason::kMalformed);
  EXPECT_EQ(Read("/", {}).reason, Reason::kNoName);
  EXPECT_EQ(Read("/", {{"Host", "a.test, b.test"}}).reason, Reason::kBadName);
  EXPECT_EQ(Read("/", {{"Host", "10.0.0.1"}}).reason, Reason::kBadName);
  EXPECT_EQ(Read("/", {{"Host", "a.test:99999"}}).reason, Reason::kBadName);
  EXPECT_EQ(Read("evil", {{"Host", "a.test"}}).reason, Reason::kMalformed);
  EXPECT_EQ(Read("a.test:443", {{"Host", "a.test"}}, "CONNECT").reason,
            Reason::kMethodNotSupported);
}

TEST(HttpRequestTest, FieldsOfOneHopAndOfProxiesStayBehind) {
  const http::Headers out = RequestHeadersToSend({{"Host", "a"},
                                                  {"Connection", "close, X-Secret"},
                                                  {"X-Secret", "1"},
                                                  {"X-Forwarded-For", "1.2.3.4"},
                                                  {"Proxy-Authorization", "x"},
                                                  {"Transfer-Encoding", "chunked"},
                                                  {"X-HTTP-Method-Override", "DELETE"},
                                                  {"X-Original-URL", "/other"},
                                                  {"X_HTTP_Method_Override", "DELETE"},
                                                  {"x-original_url", "/other"},
                                                  {"X-Host", "evil.test"},
                                                  {"Accept", "*/*"}});
  EXPECT_EQ(out.size(), 1u);
  EXPECT_EQ(*out.Get("accept"), "*/*");
}

}  // namespace
}  // namespace cove::gateway
