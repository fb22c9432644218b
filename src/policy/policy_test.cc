// Goal: nothing but what a rule plainly says is allowed, in no spelling of a name.
// Method: tables of accepted and refused spellings, and generated names checked against a model.
#include "policy/policy.h"

#include <gtest/gtest.h>

#include <random>

#include "policy/host_name.h"
#include "policy/public_suffix.h"

namespace cove::policy {
namespace {

std::shared_ptr<const Policy> Rules(std::vector<std::string> texts) {
  auto policy = Policy::Parse(texts, Layer::kServer);
  EXPECT_TRUE(policy) << (policy ? "" : policy.error().message());
  return policy ? *policy : std::make_shared<const Policy>();
}

TEST(HostNameTest, NormalisesCaseAndOneTrailingDot) {
  EXPECT_EQ(*CanonicalHost("Allowed.TEST."), "allowed.test");
  EXPECT_EQ(*CanonicalHost("xn--80ak6aa92e.com"), "xn--80ak6aa92e.com");
  EXPECT_EQ(*CanonicalHost("1.a"), "1.a");
  for (const char* name : {"xn--mnchen-3ya.de", "xn--bcher-kva.test", "xn--p1ai.xn--fiqs8s",
                           "xn--ls8h.la", "xn--maana-pta.com", "xn--egbpdaj6bu4bxfgehfvwxn.test"}) {
    EXPECT_TRUE(CanonicalHost(name)) << name;
  }
}

TEST(HostNameTest, RefusesEverySpellingThatIsNoPlainName) {
  using std::string_literals::operator""s;
  const std::string label64(64, 'a');
  std::string long_name;
  for (int i = 0; i < 64; ++i) long_name += "abc.";
  for (const std::string& bad : {""s,
                                 "."s,
                                 "a..b"s,
                                 "allowed.test.."s,
                                 ".a"s,
                                 "-a.test"s,
                                 "a-.test"s,
                                 "a_b.test"s,
                                 "allowed.test\0.evil.test"s,
                                 "evil.test%00.allowed.test"s,
                                 "allowed%2etest"s,
                                 "user@allowed.test"s,
                                 "allowed.test:443"s,
                                 "allowed.test/x"s,
                                 "[::1]"s,
                                 "::1"s,
                                 "fe80::1%eth0"s,
                                 "203.0.113.10"s,
                                 "3405803786"s,
                                 "0xCB00710A"s,
                                 "0313.0.0161.012"s,
                                 "203.0.28938"s,
                                 "0x7f.1"s,
                                 "127.1"s,
                                 "0x"s,
                                 "xn--99999999.test"s,
                                 "xn--a.test"s,
                                 "XN--A-B0.test"s,
                                 "a.xn--zzzzzzzzzzzzzzzzzzzzzzzzzz"s,
                                 "a.0x7f"s,
                                 "allowed\xe3\x80\x82test"s,
                                 "\xd0\xb0llowed.test"s,
                                 "allowed.test "s,
                                 " allowed.test"s,
                                 "allowed\ttest"s,
                                 "*.allowed.test"s,
                                 label64 + ".test",
                                 long_name + "test"}) {
    EXPECT_FALSE(CanonicalHost(bad)) << bad;
  }
  EXPECT_TRUE(CanonicalHost(std::string(63, 'a') + ".test"));
}

TEST(HostNameTest, IsItsOwnFixedPoint) {
  std::mt19937 random(7);
  const std::string alphabet = "aB0-._%:\0*x";
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (size_t n = random() % 12; n > 0; --n) text += alphabet[random() % alphabet.size()];
    const auto once = CanonicalHost(text);
    if (!once) continue;
    const auto twice = CanonicalHost(*once);
    ASSERT_TRUE(twice) << text;
    EXPECT_EQ(*twice, *once);
  }
}

TEST(RuleTest, SpellsItselfCanonically) {
  EXPECT_EQ(ParseRule("Debian.ORG.", Layer::kServer)->text, "debian.org:80,443");
  EXPECT_EQ(ParseRule("**.a.test:1-65535", Layer::kServer)->text, "**.a.test:*");
  EXPECT_EQ(ParseRule("*:22,20-21", Layer::kServer)->text, "*:20-22");
  EXPECT_EQ(ParseRule("*.Debian.ORG:443,80,80", Layer::kServer)->text, "*.debian.org:80,443");
  EXPECT_EQ(ParseRule("203.0.113.0/24:22", Layer::kServer)->text, "203.0.113.0/24:22");
  EXPECT_EQ(ParseRule("[2001:db8::]/32:22", Layer::kServer)->text, "[2001:db8::]/32:22");
}

TEST(RuleTest, RefusesWhatIsWiderThanItLooks) {
  for (const char* bad : {"",
                          "*.test:443",
                          "*.com:443",
                          "*.co.uk:443",
                          "*.github.io:443",
                          "github.*:443",
                          "*allowed.test:443",
                          "a.*.test:443",
                          "*.*.a.test:443",
                          "**.test:443",
                          "a.**.test:443",
                          "allowed.test:",
                          "allowed.test:0",
                          "allowed.test:65536",
                          "allowed.test:443,",
                          "allowed.test:4 43",
                          "allowed.test:-1",
                          "10.0.0.1:443",
                          "203.0.113.7/24:443",
                          "203.0.113.0/33:443",
                          "[::1]:443",
                          "[2001:db8::]/32",
                          "https://allowed.test:443",
                          "user@allowed.test:443",
                          "allowed.test:443 GET"}) {
    EXPECT_FALSE(ParseRule(bad, Layer::kServer)) << bad;
  }
}

TEST(RuleTest, OneBadRuleRefusesThePolicy) {
  const std::vector<std::string> texts = {"allowed.test:443", "alowed..test:443"};
  const auto policy = Policy::Parse(texts, Layer::kServer);
  ASSERT_FALSE(policy);
  EXPECT_NE(policy.error().message().find("alowed..test:443"), std::string::npos);
}

TEST(PolicyTest, AnEmptyPolicyDeniesEverything) {
  EXPECT_EQ(Policy().Evaluate("allowed.test", 443).reason, Reason::kNoRule);
  EXPECT_FALSE(Policy().EvaluateName("allowed.test").allow);
}

TEST(PolicyTest, JudgesHostAndPort) {
  const auto policy = Rules({"allowed.test:443", "*.pkgs.test:443"});
  EXPECT_TRUE(policy->Evaluate("ALLOWED.test.", 443).allow);
  EXPECT_EQ(policy->Evaluate("allowed.test", 443).rule, "allowed.test:443");
  EXPECT_EQ(policy->Evaluate("allowed.test", 80).reason, Reason::kPortNotAllowed);
  EXPECT_TRUE(policy->EvaluateName("allowed.test").allow);
  EXPECT_TRUE(policy->Evaluate("a.b.c.pkgs.test", 443).allow);
  EXPECT_FALSE(policy->Evaluate("pkgs.test", 443).allow);
  EXPECT_FALSE(policy->Evaluate("evilpkgs.test", 443).allow);
  EXPECT_FALSE(policy->Evaluate("allowed.test.evil.test", 443).allow);
  EXPECT_FALSE(policy->Evaluate("x.allowed.test", 443).allow);
  EXPECT_EQ(policy->Evaluate("203.0.113.20", 443).reason, Reason::kBadName);
}

TEST(PolicyTest, AWildcardDoesNotMeanADohResolver) {
  const auto policy = Rules({"*.quad9.net:443", "*.nextdns.io:443", "dns.nextdns.io:443"});
  EXPECT_EQ(policy->Evaluate("dns.quad9.net", 443).reason, Reason::kDnsOverHttps);
  EXPECT_TRUE(policy->Evaluate("www.quad9.net", 443).allow);
  EXPECT_TRUE(policy->Evaluate("dns.nextdns.io", 443).allow);
}

TEST(PolicyTest, ADefaultOfAllowCoversNoEncryptedDns) {
  const auto policy = [](std::string_view more) {
    const std::string text = "default = \"allow\"\n" + std::string(more);
    auto document = std::make_shared<Document>(*ParseToml(text, "test", Layer::kServer));
    return Policy::Make({{Layer::kServer, nullptr, std::move(document)}});
  };
  const auto by_number = [](const Policy& of, std::string_view ip, uint16_t port) {
    return of.EvaluateAddress(*Address::Parse(ip), port, AddressClass::kPublic);
  };
  const auto open = policy("");
  EXPECT_TRUE(open->Evaluate("a.test", 443).allow);
  EXPECT_TRUE(by_number(*open, "203.0.113.9", 443).allow);
  EXPECT_EQ(open->Evaluate("a.test", 853).reason, Reason::kDnsOverHttps);
  EXPECT_EQ(open->Evaluate("dns.google", 443).reason, Reason::kDnsOverHttps);
  EXPECT_EQ(by_number(*open, "203.0.113.9", 853).reason, Reason::kDnsOverHttps);
  for (const char* ip : {"1.1.1.1", "8.8.8.8", "9.9.9.9", "2606:4700:4700::1111", "2620:fe::fe"}) {
    EXPECT_EQ(by_number(*open, ip, 443).reason, Reason::kDnsOverHttps) << ip;
  }
  EXPECT_FALSE(policy("allow = \"*:*\"")->Evaluate("a.test", 853).allow);
  EXPECT_TRUE(policy("allow = \"*:853\"")->Evaluate("a.test", 853).allow);
  const auto named = policy("allow = [\"a.test:853\", \"1.1.1.1/32:443\"]");
  EXPECT_TRUE(named->Evaluate("a.test", 853).allow);
  EXPECT_TRUE(by_number(*named, "1.1.1.1", 443).allow);
  EXPECT_FALSE(by_number(*named, "1.1.1.1", 853).allow);
  EXPECT_FALSE(by_number(*named, "1.0.0.1", 443).allow);
}

TEST(PolicyTest, AgreesWithALabelByLabelModel) {
  const auto policy = Rules({"a.b.test:1", "*.c.test:1"});
  std::mt19937 random(11);
  const std::vector<std::string> labels = {"a", "b", "c", "test", "ab", "a-b", "ctest"};
  for (int i = 0; i < 20000; ++i) {
    std::vector<std::string> parts;
    for (size_t n = 1 + random() % 4; n > 0; --n) parts.push_back(labels[random() % labels.size()]);
    const size_t n = parts.size();
    const bool exact = parts == std::vector<std::string>{"a", "b", "test"};
    const bool below = n > 2 && parts[n - 1] == "test" && parts[n - 2] == "c";
    std::string name;
    for (const std::string& p : parts) name += (name.empty() ? "" : ".") + p;
    EXPECT_EQ(policy->Evaluate(name, 1).allow, exact || below) << name;
  }
}

TEST(PolicyTest, AddressRulesNeverReachTheMachineItself) {
  const auto policy = Rules({"10.0.0.0/8:443", "127.0.0.0/8:443", "169.254.0.0/16:80"});
  const Address ten = Address::V4(10, 1, 2, 3);
  EXPECT_TRUE(policy->EvaluateAddress(ten, 443, AddressClass::kPrivate).allow);
  EXPECT_FALSE(policy->EvaluateAddress(ten, 80, AddressClass::kPrivate).allow);
  EXPECT_FALSE(policy->EvaluateAddress(ten, 443, AddressClass::kOwn).allow);
  EXPECT_FALSE(
      policy->EvaluateAddress(Address::V4(127, 0, 0, 1), 443, AddressClass::kLoopback).allow);
  EXPECT_FALSE(
      policy->EvaluateAddress(Address::V4(169, 254, 169, 254), 80, AddressClass::kMetadata).allow);
  EXPECT_EQ(policy->EvaluateAddress(Address::V4(11, 0, 0, 1), 443, AddressClass::kPublic).reason,
            Reason::kNoName);
  // By number only: no name leads there for that.
  EXPECT_FALSE(policy->MayDial("a.test", ten, 443, AddressClass::kPrivate));
}

TEST(ReasonTest, EveryReasonHasItsOwnName) {
  std::vector<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Reason::kAuditUnavailable); ++i) {
    const auto name = ReasonName(static_cast<Reason>(i));
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 0) << name;
    names.push_back(name);
  }
}

}  // namespace
}  // namespace cove::policy
