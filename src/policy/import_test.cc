// Goal: a translated rule means what it meant where it comes from, or less, and says so; a
// suggestion allows what was tried and no more. Method: texts in, the document's own judgement of
// what comes out.
#include "policy/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <tuple>

#include "policy/policy.h"
#include "policy/suggest.h"

namespace cove::policy {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::shared_ptr<const Policy> Means(const Result<std::string>& toml) {
  EXPECT_TRUE(toml) << (toml ? "" : toml.error().message());
  if (!toml) return std::make_shared<Policy>();
  auto layer = ParseLayer(*toml, "p.toml", Layer::kSandbox);
  EXPECT_TRUE(layer) << *toml;
  return Policy::Make({*layer});
}

bool Allows(const std::shared_ptr<const Policy>& policy, std::string_view host,
            std::string_view method, std::string_view target, uint16_t port = 443) {
  return policy->EvaluateRequest(host, port, method, target).allow;
}

std::string ErrorOf(const Result<std::string>& result) {
  return result ? "accepted" : result.error().message();
}

TEST(ImportCoderTest, RulesMeanWhatTheyMeant) {
  const auto policy = Means(ImportCoder(R"(# from a template
--allow "domain=github.com"
--allow=domain=API.example.org method=GET,head path=/v1/*,/health
domain=*.wild.example path=/
- "method=OPTIONS domain=cors.example.org"
allowlist:
  - domain=one.example.org path=/a/*/c
)"));
  EXPECT_TRUE(Allows(policy, "github.com", "DELETE", "/any"));
  EXPECT_FALSE(Allows(policy, "api.github.com", "GET", "/"));
  EXPECT_TRUE(Allows(policy, "api.example.org", "GET", "/v1/x/y"));
  EXPECT_TRUE(Allows(policy, "api.example.org", "HEAD", "/health"));
  EXPECT_FALSE(Allows(policy, "api.example.org", "GET", "/v1"));
  EXPECT_FALSE(Allows(policy, "api.example.org", "POST", "/v1/x"));
  EXPECT_FALSE(Allows(policy, "api.example.org", "GET", "/v1/../secret"));
  EXPECT_TRUE(policy->Evaluate("api.example.org", 443).inspect);
  EXPECT_TRUE(Allows(policy, "a.b.wild.example", "GET", "/"));
  EXPECT_FALSE(Allows(policy, "wild.example", "GET", "/"));
  EXPECT_TRUE(Allows(policy, "cors.example.org", "OPTIONS", "/x"));
  EXPECT_TRUE(Allows(policy, "one.example.org", "GET", "/a/b/c"));
  EXPECT_FALSE(Allows(policy, "one.example.org", "GET", "/a/b/d/c"));
  EXPECT_FALSE(policy->Evaluate("github.com", 22).allow);
}

TEST(ImportCoderTest, TheRestOfItsConfigurationFileIsReadOver) {
  const auto text = ImportCoder(R"(---
# of a workspace
jail_type: nsjail
proxy_port: 8087   # not the usual
log_level: "warn"
log-dir: /tmp/boundary_logs
use_real_dns: false
session_id_inject_targets:
- "domain=inject.example.org"
  # and one more
  - domain=second.example.org path=/x
session_id_inject_target: [
  "domain=third.example.org"
]
allowlist:   # the rules
- "domain=one.example.org"  # with a comment
  - 'domain=two.example.org method=GET'
log_proxy_socket_path: /run/x.sock
)");
  const auto policy = Means(text);
  EXPECT_TRUE(policy->Evaluate("one.example.org", 443).allow);
  EXPECT_TRUE(Allows(policy, "two.example.org", "GET", "/"));
  EXPECT_FALSE(Allows(policy, "two.example.org", "POST", "/"));
  for (const char* host : {"inject.example.org", "second.example.org", "third.example.org"}) {
    EXPECT_FALSE(policy->Evaluate(host, 443).allow) << host << " is no rule of the allow list";
  }
  EXPECT_THAT(*text, HasSubstr("# left out: jail_type, "));
  EXPECT_FALSE(
      Means(ImportCoder("allowlist: []\npprof_enabled: true\n"))->Evaluate("a.b", 80).allow);
}

TEST(ImportCoderTest, AKeyItDoesNotKnowIsAnErrorByNameAndLine) {
  EXPECT_EQ(ErrorOf(ImportCoder("allowlist:\n  - domain=a.b\njail_typ: nsjail\n")),
            "line 3, column 1: the key 'jail_typ' is not known; did you mean 'jail_type'?");
  EXPECT_THAT(ErrorOf(ImportCoder("denylist:\n  - domain=a.b\n")),
              HasSubstr("line 1, column 1: the key 'denylist' is not known"));
  EXPECT_THAT(ErrorOf(ImportCoder("allowlist: [\"domain=a.b\"]")),
              HasSubstr("line 1, column 1: write each rule of 'allowlist' on a line"));
  EXPECT_THAT(ErrorOf(ImportCoder("allowlist:\n- a.b\n")),
              HasSubstr("line 2, column 3: 'a.b' is no part of a rule"));
}

TEST(ImportCoderTest, WhatHasNoCounterpartIsAnErrorWithItsLine) {
  EXPECT_THAT(ErrorOf(ImportCoder("domain=a.b\ndomain=x.*.test")), HasSubstr("line 2, column 8: "));
  EXPECT_THAT(ErrorOf(ImportCoder("domain=git*")), HasSubstr("line 1, column 8: "));
  EXPECT_THAT(ErrorOf(ImportCoder("host=a.b")), HasSubstr("the keys are domain, method and path"));
  EXPECT_THAT(ErrorOf(ImportCoder("domain=")), HasSubstr("has no value"));
  EXPECT_NE(ErrorOf(ImportCoder("domain=a.b path=/x\"y")), "accepted");
  EXPECT_NE(ErrorOf(ImportCoder("domain=a.b method=GE\tT")), "accepted");
  const std::string_view before = "domain=a.b\n# and\n";
  const auto third = [&](std::string_view line) {
    return ErrorOf(ImportCoder(std::string(before) + std::string(line)));
  };
  EXPECT_THAT(third("domain=x.test path=/a//b"), StartsWith("line 3, column 20: "));
  EXPECT_THAT(third("  - \"domain=x.test path=/ok,/../b\""), StartsWith("line 3, column 29: "));
  EXPECT_THAT(third("--allow \"method=GET,G@T domain=x.test\""), StartsWith("line 3, column 21: "));
  EXPECT_THAT(third("domain=x.test method=get,"), StartsWith("line 3, column 26: "));
}

TEST(ImportCoderTest, WhatIsThereTwiceIsAnErrorThatSaysWhatToDo) {
  for (const char* rule : {"domain=github.com domain=evil.test", "domain=a.test path=/a path=/b",
                           "method=GET domain=a.test method=PUT"}) {
    EXPECT_THAT(ErrorOf(ImportCoder(rule)), HasSubstr("is there twice; several methods")) << rule;
  }
  EXPECT_THAT(ErrorOf(ImportCoder("domain=github.com domain=evil.test")),
              StartsWith("line 1, column 19: 'domain' is there twice"));
  EXPECT_EQ(ErrorOf(ImportCoder("--allow \"domain=a.test\" --allow \"domain=b.test\"")),
            "line 1, column 25: one rule a line: write the next --allow on a line of its own");
  EXPECT_EQ(ErrorOf(ImportCoder("--allow=\"domain=a.test\" --allow=\"domain=b.test\"")),
            "line 1, column 25: one rule a line: write the next --allow on a line of its own");
}

TEST(ImportCodexTest, AProfilesDomainsBecomeRules) {
  constexpr std::string_view kFile = R"(
default_permissions = "work"
[permissions.work.network]
enabled = true
enable_socks5 = true
[permissions.work.network.domains]
"example.org" = "allow"
"**.corp.example" = "allow"
"bad.corp.example" = "deny"
"localhost" = "allow"
"unset.example" = "none"
[permissions.read.network]
enabled = true
mode = "limited"
domains = { "example.org" = "allow" }
[permissions.off.network]
enabled = false
domains = { "example.org" = "allow" }
)";
  const auto text = ImportCodex(kFile, "");
  const auto work = Means(text);
  EXPECT_TRUE(work->Evaluate("example.org", 443).allow);
  EXPECT_TRUE(work->Evaluate("a.corp.example", 443).allow);
  EXPECT_FALSE(work->Evaluate("bad.corp.example", 443).allow);
  EXPECT_FALSE(work->Evaluate("unset.example", 443).allow);
  EXPECT_THAT(*text, HasSubstr("# left out: enable_socks5"));
  const auto read = Means(ImportCodex(kFile, "read"));
  EXPECT_TRUE(Allows(read, "example.org", "GET", "/x"));
  EXPECT_FALSE(Allows(read, "example.org", "POST", "/x"));
  EXPECT_FALSE(Means(ImportCodex(kFile, "off"))->Evaluate("example.org", 443).allow);
  EXPECT_THAT(ErrorOf(ImportCodex(kFile, "none")), HasSubstr("[permissions.none.network]"));
}

TEST(ImportCodexTest, WhatItDoesNotKnowIsAnError) {
  const auto with = [](std::string_view line) {
    return ErrorOf(
        ImportCodex("[permissions.a.network]\nenabled = true\n" + std::string(line), ""));
  };
  EXPECT_THAT(with("enforce = true"), HasSubstr("config.toml:3:"));
  EXPECT_THAT(with("mode = \"half\""), HasSubstr("\"full\" or \"limited\""));
  EXPECT_THAT(with("domains = { \"a.b\" = \"ask\" }"), HasSubstr("\"allow\", \"deny\""));
  EXPECT_THAT(with("domains = { \"a*b.test\" = \"deny\" }"), HasSubstr("config.toml:3:"));
  EXPECT_THAT(with("mode = \"limited\"\ndomains = { \"203.0.113.0/24:22\" = \"allow\" }"),
              HasSubstr("config.toml:3:8: \"limited\" is about requests"));
  EXPECT_THAT(ErrorOf(ImportCodex("x = 1", "")), HasSubstr("permissions.NAME.network"));
}

TEST(ImportCodexTest, AWrongTypeIsAnErrorAndNoDenial) {
  const auto whole = [](std::string_view lines) {
    return ErrorOf(ImportCodex("[permissions.a.network]\n" + std::string(lines), ""));
  };
  EXPECT_EQ(whole("enabled = \"true\""),
            "config.toml:2:11: enabled is true or false, without quotes");
  EXPECT_THAT(whole("enabled = 1"), HasSubstr("config.toml:2:11: "));
  EXPECT_THAT(whole("enabled = false\nmode = true"), HasSubstr("config.toml:3:8: "));
  EXPECT_THAT(ErrorOf(ImportCodex("default_permissions = 1\n[permissions.a.network]", "")),
              HasSubstr("config.toml:1:23: "));
}

TEST(ImportCodexTest, ADenialMayHavePortsOfItsOwn) {
  const auto policy = Means(ImportCodex(
      "[permissions.a.network]\nenabled = true\n[permissions.a.network.domains]\n"
      "\"a.test\" = \"allow\"\n\"*.b.test:443\" = \"deny\"\n\"203.0.113.0/24\" = \"deny\"\n",
      ""));
  EXPECT_TRUE(policy->Evaluate("a.test", 443).allow);
  EXPECT_EQ(policy->Evaluate("x.b.test", 443).reason, Reason::kRuleDenies);
  EXPECT_NE(policy->Evaluate("x.b.test", 80).reason, Reason::kRuleDenies);
  EXPECT_FALSE(policy->MayDial("a.test", Address::V4(203, 0, 113, 9), 443, AddressClass::kPublic));
}

TEST(ImportDomainsTest, ALineIsAHost) {
  const auto policy =
      Means(ImportDomains("example.org\n.below.example # and itself\n\n"
                          "*.only.example\nport.example:8443\n203.0.113.0/24:22\n"));
  EXPECT_TRUE(policy->Evaluate("example.org", 443).allow);
  EXPECT_TRUE(policy->Evaluate("below.example", 443).allow);
  EXPECT_TRUE(policy->Evaluate("a.below.example", 443).allow);
  EXPECT_FALSE(policy->Evaluate("only.example", 443).allow);
  EXPECT_TRUE(policy->Evaluate("port.example", 8443).allow);
  EXPECT_THAT(ErrorOf(ImportDomains("a.test\n*.com\n")), HasSubstr("line 2, column 1: "));
  EXPECT_THAT(ErrorOf(ImportDomains("https://a.test/")), HasSubstr("line 1, column 1: "));
}

TEST(SuggestTest, AllowsWhatWasTriedAndNoMore) {
  const std::vector<Attempt> attempts = {
      {"dns", "Asked.example", "", 0, "", "", "no_rule"},
      {"tls", "tunnel.example", "", 443, "", "", "no_rule"},
      {"tls", "tunnel.example", "", 8443, "", "", "port_not_allowed"},
      {"dns", "tunnel.example", "", 0, "", "", "no_rule"},
      {"https", "api.example", "", 443, "POST", "/v1/x", "request_not_allowed"},
      {"https", "api.example", "", 443, "GET", "/v1/y", "allowed"},
      {"http", "plain.example", "", 80, "GET", "/z", "no_rule"},
      {"tls", "closed.example", "", 443, "", "", "needs_inspection"},
      {"tcp", "", "203.0.113.9", 5432, "", "", "no_name"},
      {"tcp", "", "2001:db8::9", 5432, "", "", "no_name"},
      {"model", "models.cove", "", 80, "POST", "/openai/v1/responses", "model_gateway"},
      {"tls", "inside.example", "", 443, "", "", "address_not_public"},
      {"dns", "bad\\x0aname\"]\nallow = [\"evil.example", "", 0, "", "", "no_rule"},
      {"https", "api.example", "", 443, "GET", "/a/..\\x2f/b", "bad_path"},
      {"https", "api.example", "", 443, "gEt", "/ok", "request_not_allowed"},
  };
  const auto text = Suggest(attempts).ToToml();
  const auto policy = Means(text);
  EXPECT_TRUE(policy->Evaluate("asked.example", 443).allow);
  EXPECT_TRUE(policy->EvaluateTunnel("tunnel.example", 8443).allow);
  EXPECT_FALSE(policy->Evaluate("tunnel.example", 80).allow);
  EXPECT_TRUE(Allows(policy, "api.example", "POST", "/v1/x"));
  EXPECT_TRUE(Allows(policy, "api.example", "GET", "/v1/y"));
  EXPECT_FALSE(Allows(policy, "api.example", "GET", "/other"));
  EXPECT_FALSE(Allows(policy, "api.example", "DELETE", "/v1/x"));
  EXPECT_TRUE(Allows(policy, "plain.example", "GET", "/z", 80));
  EXPECT_FALSE(policy->Evaluate("plain.example", 443).allow);
  EXPECT_TRUE(policy->Evaluate("closed.example", 443).inspect);
  EXPECT_TRUE(
      policy->EvaluateAddress(Address::V4(203, 0, 113, 9), 5432, AddressClass::kPublic).allow);
  EXPECT_FALSE(policy->Evaluate("inside.example", 443).allow);
  EXPECT_FALSE(policy->Evaluate("evil.example", 443).allow);
  EXPECT_FALSE(policy->Evaluate("models.cove", 80).allow);
  EXPECT_THAT(*text, HasSubstr("# no rule mends: inside.example:443 (address_not_public)"));
}

TEST(SuggestTest, ConnectionsThatNobodyReadDoNotWidenRequestsThatWereRead) {
  const std::vector<Attempt> attempts = {
      {"https", "api.test", "", 443, "GET", "/read", "allowed"},
      {"tls", "api.test", "", 443, "", "", "allowed"},
      {"connect", "api.test", "", 443, "", "", "no_rule"},
      {"tls", "api.test", "", 8443, "", "", "allowed"},
      {"http", "api.test", "", 80, "GET", "/plain", "allowed"},
      {"tcp", "api.test", "", 80, "", "", "no_rule"},
      {"tls", "closed.test", "", 443, "", "", "needs_inspection"},
      {"tls", "closed.test", "", 443, "", "", "no_rule"},
  };
  const auto text = Suggest(attempts).ToToml();
  const auto policy = Means(text);
  EXPECT_TRUE(Allows(policy, "api.test", "GET", "/read")) << *text;
  EXPECT_FALSE(Allows(policy, "api.test", "GET", "/other")) << *text;
  EXPECT_FALSE(Allows(policy, "api.test", "POST", "/read")) << *text;
  EXPECT_TRUE(Allows(policy, "api.test", "GET", "/plain", 80)) << *text;
  EXPECT_FALSE(Allows(policy, "api.test", "GET", "/other", 80)) << *text;
  EXPECT_TRUE(policy->EvaluateTunnel("api.test", 8443).allow) << "another port";
  EXPECT_FALSE(policy->EvaluateTunnel("api.test", 443).allow) << *text;
  EXPECT_FALSE(policy->EvaluateTunnel("closed.test", 443).allow) << *text;
  EXPECT_THAT(*text, HasSubstr("# narrower than what was tried: api.test:443 had connections"));
}

TEST(SuggestTest, AMethodIsAllowedOnlyOnThePathsItWasSeenOn) {
  const std::vector<Attempt> attempts = {
      {"https", "git.test", "", 443, "GET", "/read", "no_rule"},
      {"https", "git.test", "", 443, "DELETE", "/mine/tmp", "no_rule"},
      {"http", "git.test", "", 80, "PUT", "/read", "no_rule"},
      {"https", "git.test", "", 8443, "GET", "/other", "no_rule"},
      {"tls", "git.test", "", 9443, "", "", "needs_inspection"},
  };
  const auto text = Suggest(attempts).ToToml();
  const auto policy = Means(text);
  EXPECT_FALSE(Allows(policy, "git.test", "DELETE", "/read")) << *text;
  EXPECT_FALSE(Allows(policy, "git.test", "GET", "/mine/tmp"));
  EXPECT_FALSE(Allows(policy, "git.test", "GET", "/read", 80)) << "another port's";
  EXPECT_FALSE(Allows(policy, "git.test", "GET", "/read", 8443)) << "another port's";
  EXPECT_TRUE(policy->Evaluate("git.test", 9443).inspect) << "beside ports that were read";
}

// Of a grid of requests a part is seen, by chance: just that part is allowed.
TEST(SuggestTest, AllowsEachRequestSeenAndNoOtherPairOfMethodAndPath) {
  const std::vector<std::string> methods = {"GET", "HEAD", "POST", "DELETE"};
  const std::vector<std::string> paths = {"/", "/a", "/a/", "/a/b", "/b", "/b/c/d", "/%2F"};
  std::mt19937 random(11);
  for (int round = 0; round < 50; ++round) {
    std::set<std::tuple<uint16_t, std::string, std::string>> seen;
    std::vector<Attempt> attempts;
    for (size_t n = random() % 20; n > 0; --n) {
      const uint16_t port = random() % 2 == 0 ? 443 : 8443;
      const std::string& method = methods[random() % methods.size()];
      const std::string& path = paths[random() % paths.size()];
      attempts.push_back({"https", "git.test", "", port, method, path, "no_rule"});
      seen.emplace(port, method, path);
    }
    const auto text = Suggest(attempts).ToToml();
    const auto policy = Means(text);
    for (const uint16_t port : std::vector<uint16_t>{443, 8443}) {
      for (const std::string& method : methods) {
        for (const std::string& path : paths) {
          EXPECT_EQ(Allows(policy, "git.test", method, path, port),
                    seen.contains({port, method, path}))
              << port << " " << method << " " << path << "\n"
              << *text;
        }
      }
    }
  }
}

TEST(SuggestTest, MethodsOfTheSamePathsShareARule) {
  std::vector<Attempt> attempts;
  for (const char* method : {"GET", "HEAD", "POST"}) {
    attempts.push_back({"https", "git.test", "", 443, method, "/a", "no_rule"});
    attempts.push_back({"https", "git.test", "", 443, method, "/b", "no_rule"});
  }
  attempts.push_back({"https", "git.test", "", 443, "POST", "/c", "no_rule"});
  const Draft draft = Suggest(attempts);
  ASSERT_EQ(draft.rules.size(), 2u);
  EXPECT_EQ(draft.rules[0].methods, (std::vector<std::string>{"GET", "HEAD"}));
  EXPECT_EQ(draft.rules[0].paths, (std::vector<std::string>{"/a", "/b"}));
  EXPECT_EQ(draft.rules[1].methods, std::vector<std::string>{"POST"});
}

TEST(SuggestTest, NamesOfAddressesAreLeftOut) {
  const std::vector<Attempt> attempts = {
      {"dns", "9.113.0.203.in-addr.arpa", "", 0, "", "", "no_rule"},
      {"dns", "1.0.8.b.d.0.1.0.0.2.IP6.ARPA.", "", 0, "", "", "no_rule"},
      {"dns", "home.arpa", "", 0, "", "", "no_rule"},
  };
  const Draft draft = Suggest(attempts);
  EXPECT_EQ(draft.allow, std::vector<std::string>{"home.arpa"});
  EXPECT_TRUE(draft.notes.empty());
}

TEST(SuggestTest, ManyPathsBecomeWhatIsBelowThem) {
  std::vector<Attempt> attempts;
  for (int i = 0; i < 40; ++i) {
    attempts.push_back(
        {"https", "api.example", "", 443, "GET", "/v1/" + std::to_string(i), "no_rule"});
  }
  attempts.push_back({"https", "api.example", "", 443, "POST", "/v1/0", "no_rule"});
  const auto text = Suggest(attempts).ToToml();
  const auto policy = Means(text);
  EXPECT_THAT(*text, HasSubstr("# wider than what was tried: GET on api.example, for it had 40"));
  EXPECT_TRUE(Allows(policy, "api.example", "POST", "/v1/0"));
  EXPECT_FALSE(Allows(policy, "api.example", "POST", "/v1/1"));
  EXPECT_TRUE(Allows(policy, "api.example", "GET", "/v1/99"));
  EXPECT_FALSE(Allows(policy, "api.example", "GET", "/v2/1"));
}

TEST(SuggestTest, APlainRequestToAnAddressIsAllowedByItsNumber) {
  const std::vector<Attempt> attempts = {
      {"http", "203.0.113.20", "203.0.113.20", 80, "GET", "/", "allowed"},
      {"http", "203.0.113.21", "203.0.113.21", 80, "GET", "/", "no_name"},
      {"http", "2001:db8::9", "2001:db8::9", 80, "GET", "/", "no_name"},
      {"http", "203.0.113.99", "33.33.0.9", 80, "GET", "/", "bad_name"},
  };
  const Draft draft = Suggest(attempts);
  EXPECT_EQ(draft.allow, (std::vector<std::string>{"203.0.113.20/32:80", "203.0.113.21/32:80",
                                                   "[2001:db8::9]/128:80"}));
  EXPECT_EQ(draft.notes, std::vector<std::string>{"no rule mends: 203.0.113.99:80 (bad_name)"});
  (void)Means(draft.ToToml());
}

TEST(SuggestTest, OfAPathThatWasCutTheDirectoryIsAllowed) {
  const std::string whole = "/v1/" + std::string(600, 'x');
  const std::string top = "/" + std::string(600, 'y');
  constexpr auto kCut = Attempt::Path::kCut;
  const std::vector<Attempt> attempts = {
      {"https", "api.test", "", 443, "GET", whole.substr(0, 512), "no_rule", kCut},
      {"https", "api.test", "", 443, "PUT", top.substr(0, 512), "no_rule", kCut},
  };
  const auto text = Suggest(attempts).ToToml();
  const auto policy = Means(text);
  EXPECT_TRUE(Allows(policy, "api.test", "GET", whole)) << *text;
  EXPECT_FALSE(Allows(policy, "api.test", "GET", "/v2/x"));
  EXPECT_FALSE(Allows(policy, "api.test", "PUT", top));
  EXPECT_THAT(*text, HasSubstr("# wider than what was tried: GET on api.test/v1/**, for"));
  EXPECT_THAT(*text, HasSubstr("# left out: PUT on api.test:443, for the audit has only"));
}

TEST(SuggestTest, WhereARecordStandsForSeveralRequestsTheWholePortIsAllowed) {
  Attempt run{"http", "apt.test", "", 80, "GET", "/a", "allowed"};
  run.of_several = true;
  const std::vector<Attempt> attempts = {
      run,
      {"http", "apt.test", "", 80, "GET", "/b", "allowed"},
      {"http", "one.test", "", 80, "GET", "/a", "allowed"},
  };
  const auto text = Suggest(attempts).ToToml();
  const auto policy = Means(text);
  EXPECT_TRUE(policy->EvaluateRequest("apt.test", 80, "POST", "/x").allow) << *text;
  EXPECT_FALSE(policy->Evaluate("apt.test", 443).allow);
  EXPECT_FALSE(policy->EvaluateRequest("one.test", 80, "GET", "/b").allow);
  EXPECT_THAT(*text, HasSubstr("# wider than what was tried: apt.test:80, for"));
}

TEST(SuggestTest, NothingTriedIsNothingAllowed) {
  const auto policy = Means(Suggest({}).ToToml());
  EXPECT_FALSE(policy->Evaluate("a.example", 443).allow);
}

}  // namespace
}  // namespace cove::policy
