// Goal: what a sandbox asks its name server is answered by the policy alone, with stand-ins; a name
// server is asked only where the addresses of a name decide, and then they do.
// Method: the gateway of gateway_fake.h, asked over UDP and TCP; its resolver is the test's.
#include "codec/dns.h"

#include <gmock/gmock.h>

#include "gateway/gateway_fake.h"

namespace cove::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<uint8_t> Question(std::string_view name, uint16_t type) {
  std::vector<uint8_t> out = {7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    out.push_back(static_cast<uint8_t>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  for (const int b : {0, type >> 8, type & 255, 0, 1}) out.push_back(static_cast<uint8_t>(b));
  return out;
}

Task<std::vector<uint8_t>> Ask(SocketAddress server, std::vector<uint8_t> question) {
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  async::FdWatch watch(fd.get());
  EXPECT_EQ(connect(fd.get(), server.get(), server.size), 0);
  EXPECT_GT(send(fd.get(), question.data(), question.size(), 0), 0);
  std::vector<uint8_t> answer(4096);
  for (int i = 0; i < 3; ++i) {
    const ssize_t n = recv(fd.get(), answer.data(), answer.size(), 0);
    if (n >= 0) {
      answer.resize(static_cast<size_t>(n));
      co_return answer;
    }
    co_await watch.Readable(Now() + 500ms);
  }
  co_return std::vector<uint8_t>();
}

class DnsTest : public GatewayTest {
 protected:
  // "name", "nodata", "nxdomain" or what else the code is.
  std::string Lookup(std::string_view name, uint16_t type = codec::dns::kTypeA) {
    const auto answer = loop_.RunUntil(Ask(dns_udp_, Question(name, type)));
    if (answer.size() < 12) return "none";
    const int code = answer[3] & 15;
    if (code == 3) return "nxdomain";
    return code != 0 ? std::to_string(code) : answer[7] == 0 ? "nodata" : "name";
  }
};

TEST_F(DnsTest, AnswersAllowedNamesWithStandIns) {
  Start();
  const auto a = loop_.RunUntil(Ask(dns_udp_, Question("Allowed.TEST", codec::dns::kTypeA)));
  ASSERT_GE(a.size(), 16u);
  EXPECT_EQ(a[3] & 15, 0);
  ASSERT_EQ(a[7], 1);
  const auto expected = StandIns::FirstChoice("allowed.test").bytes;
  EXPECT_TRUE(std::equal(a.end() - 4, a.end(), expected.begin()));
  for (const uint16_t type : {codec::dns::kTypeAaaa, codec::dns::kTypeHttps, uint16_t{16}}) {
    const auto none = loop_.RunUntil(Ask(dns_udp_, Question("allowed.test", type)));
    EXPECT_EQ(none[3] & 15, 0);
    EXPECT_EQ(none[7], 0);
  }
  const auto model = loop_.RunUntil(Ask(dns_udp_, Question("models.cove", 1)));
  EXPECT_EQ(model[7], 1);
  EXPECT_TRUE(resolved_.empty());
  EXPECT_TRUE(Rows().empty());
}

TEST_F(DnsTest, DeniesOtherNamesAtOnceWithOneRow) {
  Start();
  const TimePoint start = Now();
  for (int i = 0; i < 20; ++i) {
    const auto no = loop_.RunUntil(Ask(dns_udp_, Question("x.evil.test", codec::dns::kTypeA)));
    ASSERT_GE(no.size(), 12u);
    EXPECT_EQ(no[3] & 15, 3);
  }
  EXPECT_LT(Now() - start, 5s);  // one wait for a resolver alone may take 15 s
  EXPECT_TRUE(resolved_.empty());
  const auto rows = Rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].host, "x.evil.test");
  EXPECT_EQ(rows[0].reason, "no_rule");
  EXPECT_EQ(rows[0].channel, "dns");
}

TEST_F(DnsTest, SurvivesGarbageAndGoesOverTcpToo) {
  Start();
  loop_.RunUntil(Ask(dns_udp_, {1, 2, 3}));
  const auto question = Question("allowed.test", 1);
  std::string framed = {'\0', static_cast<char>(question.size())};
  framed.append(question.begin(), question.end());
  const Talk talk = loop_.RunUntil(Say(dns_tcp_, framed + framed, After::kHalfClose));
  ASSERT_GT(talk.received.size(), 2u);
  const auto size = static_cast<size_t>(static_cast<uint8_t>(talk.received[1]));
  EXPECT_EQ(talk.received.size(), 2 * (size + 2));
}

constexpr std::string_view kNetwork =
    "allow=[\"203.0.113.0/24:2222\",\"a.test\"]\ndeny=\"bad.test:*\"";

TEST_F(DnsTest, ANameThatNoRuleSpeaksOfIsJudgedByWhatItLeadsToWhereANetworkIsAllowed) {
  SetDocument(kNetwork);
  Start();
  EXPECT_EQ(Lookup("db.corp.test"), "name");
  EXPECT_EQ(Lookup("db.corp.test", codec::dns::kTypeAaaa), "nodata");
  EXPECT_EQ(resolved_, std::vector<std::string>{"db.corp.test"});
  answers_ = {"198.51.100.7", "10.1.2.3"};
  EXPECT_EQ(Lookup("elsewhere.test"), "nxdomain");
  answers_ = {};
  EXPECT_EQ(Lookup("nowhere.test"), "nxdomain");
  resolved_.clear();
  EXPECT_EQ(Lookup("bad.test"), "nxdomain");
  EXPECT_EQ(Lookup("dns.google"), "nxdomain");
  EXPECT_EQ(Lookup("a.test"), "name");
  EXPECT_TRUE(resolved_.empty());
  std::vector<std::string> rows;
  for (const auto& row : Rows()) {
    rows.push_back(row.host + (row.allow ? " + " : " - ") + row.reason + " " + row.detail);
  }
  EXPECT_EQ(rows, (std::vector<std::string>{
                      "db.corp.test + allowed type 1, leads to 203.0.113.20",
                      "elsewhere.test - no_rule type 1, leads to 198.51.100.7, 10.1.2.3",
                      "nowhere.test - resolve_failed type 1, no such name",
                      "bad.test - denied_by_rule type 1", "dns.google - no_rule type 1"}));
}

TEST_F(DnsTest, AConnectionToSuchANameGoesWhereOneByNumberMight) {
  SetDocument(kNetwork);
  Start();
  StartEcho(2222);
  ASSERT_EQ(Lookup("db.corp.test"), "name");
  GoTo("db.corp.test", 2222);
  const Stream stream = Dial();
  ASSERT_EQ(Hear(stream, "hello\n"), "hello\n");
  const auto row = Rows().back();
  EXPECT_EQ(row.host, "db.corp.test");
  EXPECT_EQ(row.rule, "203.0.113.0/24:2222");
  GoTo("proxy.cove", 3128);
  EXPECT_THAT(
      Hear(Dial(), "CONNECT other.corp.test:2222 HTTP/1.1\r\nHost: other.corp.test:2222\r\n\r\n"),
      StartsWith("HTTP/1.1 200 "));
  GoTo("db.corp.test", 443);
  EXPECT_EQ(Hear(Dial()), "reset");
  // It leads somewhere else now: nothing of the first answer counts.
  answers_ = {"198.51.100.7"};
  GoTo("db.corp.test", 2222);
  EXPECT_EQ(Hear(Dial()), "reset");
  SetDocument("allow=\"203.0.113.0/30:2222\"");
  gateway_->PolicyChanged(id_);
  EXPECT_EQ(Hear(stream), "reset");
}

TEST_F(DnsTest, LookUpsHaveARateOfTheirOwn) {
  SetDocument(kNetwork);
  Start();
  std::string last;
  for (int i = 0; i < 200 && last != "nxdomain"; ++i) {
    last = Lookup("n" + std::to_string(i) + ".test");
  }
  EXPECT_EQ(last, "nxdomain");
  EXPECT_LT(resolved_.size(), 150u);
  EXPECT_EQ(Rows().back().reason, "too_fast");
}

}  // namespace
}  // namespace cove::gateway
