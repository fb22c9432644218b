// Goal: a document means what it says, and one that says it wrongly is refused at its place.
// Method: documents in both notations; mistakes with the words the reader needs.
#include "policy/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cove::policy {
namespace {

using testing::HasSubstr;

std::vector<std::string> RulesOf(const Result<Document>& document) {
  std::vector<std::string> out;
  EXPECT_TRUE(document) << (document ? "" : document.error().message());
  if (!document) return out;
  for (const Rule& rule : document->rules) out.push_back(rule.text);
  return out;
}

std::string ErrorOf(std::string_view toml, Layer layer = Layer::kSandbox) {
  const auto document = ParseToml(toml, "p.toml", layer);
  return document ? "accepted" : document.error().message();
}

constexpr std::string_view kToml = R"(
default = "deny"
presets = ["npm"]
allow = ["example.org", "10.1.0.0/16:22"]
deny = "ads.example.org:*"
[[rule]]
allow = ["api.example.org", "**.b.test"]
ports = [443, "8000-8001"]
methods = ["GET", "HEAD"]
paths = ["/public/**"]
)";
constexpr std::string_view kJson = R"({"default": "deny", "presets": ["npm"],
  "allow": ["example.org", "10.1.0.0/16:22"], "deny": "ads.example.org:*",
  "rule": [{"allow": ["api.example.org", "**.b.test"], "ports": [443, "8000-8001"],
            "methods": ["GET", "HEAD"], "paths": ["/public/**"]}]})";

TEST(DocumentTest, TomlAndJsonMeanTheSame) {
  const std::vector<std::string> want = {"registry.npmjs.org:443",
                                         "example.org:80,443",
                                         "10.1.0.0/16:22",
                                         "deny ads.example.org:*",
                                         "api.example.org:443,8000-8001 GET,HEAD /public/**",
                                         "**.b.test:443,8000-8001 GET,HEAD /public/**"};
  EXPECT_EQ(RulesOf(ParseToml(kToml, "p.toml", Layer::kSandbox)), want);
  EXPECT_EQ(RulesOf(ParseJson(kJson, Layer::kSandbox)), want);
}

TEST(DocumentTest, AnEmptyOneDeniesEverything) {
  const auto document = ParseToml("", "p.toml", Layer::kServer);
  ASSERT_TRUE(document);
  EXPECT_EQ(document->standard, Effect::kDeny);
  EXPECT_TRUE(document->rules.empty());
}

TEST(DocumentTest, EveryMistakeNamesItsPlaceAndTheWayOut) {
  EXPECT_THAT(ErrorOf("alow = [\"a.test\"]"),
              HasSubstr("p.toml:1:8: there is no key 'alow' here; did you mean 'allow'?"));
  EXPECT_THAT(ErrorOf("default = \"Allow\""), HasSubstr("\"deny\" or \"allow\""));
  EXPECT_THAT(ErrorOf("default = true"), HasSubstr("\"deny\" or \"allow\""));
  EXPECT_THAT(ErrorOf("allow = []"), HasSubstr("leave the key out"));
  EXPECT_THAT(ErrorOf("allow = [1]"), HasSubstr("a text in quotes"));
  EXPECT_THAT(ErrorOf("\nallow = [\n\"git*.com\"]"), HasSubstr("p.toml:3:1"));
  EXPECT_THAT(ErrorOf("allow = \"*.com\""), HasSubstr("name the hosts you mean"));
  EXPECT_THAT(ErrorOf("presets = [\"nmp\"]"), HasSubstr("there are openai"));
  EXPECT_THAT(ErrorOf("rule = 1"), HasSubstr("[[rule]]"));
  EXPECT_THAT(ErrorOf("[[rule]]\nports = [1]"), HasSubstr("either 'allow' or 'deny'"));
  EXPECT_THAT(ErrorOf("[[rule]]\nallow = \"a.b\"\ndeny = \"a.b\""), HasSubstr("either"));
  EXPECT_THAT(ErrorOf("[[rule]]\nallow = \"a.b\"\nports = [0]"), HasSubstr("is no port"));
  EXPECT_THAT(ErrorOf("[[rule]]\nallow = \"a.b\"\nports = []"), HasSubstr("leave the key out"));
  EXPECT_THAT(ErrorOf("[[rule]]\nallow = \"a.b\"\nmethods = [\"get\"]"), HasSubstr("capitals"));
  for (const char* method : {"m-search", "-GET", "GET-", "G_T", "", "GET,PUT"}) {
    EXPECT_THAT(ErrorOf("[[rule]]\nallow = \"a.b\"\nmethods = \"" + std::string(method) + "\""),
                HasSubstr("capitals"))
        << method;
  }
  EXPECT_EQ(ErrorOf("[[rule]]\nallow = \"a.b\"\nmethods = [\"M-SEARCH\", \"VERSION-CONTROL\"]"),
            "accepted");
  EXPECT_THAT(ErrorOf("[[rule]]\nallow = \"a.b\"\npaths = [\"x\"]"), HasSubstr("start with '/'"));
  EXPECT_THAT(ErrorOf("[[rule]]\nallow = \"10.0.0.0/8:1\"\nmethods = [\"GET\"]"),
              HasSubstr("go with names, not networks"));
  EXPECT_THAT(ErrorOf("[[rule]]\nallow = \"a.b\"\nresolves_to = [\"10.0.0.0/8\"]"),
              HasSubstr("only the server's"));
  EXPECT_THAT(ErrorOf("[[rule]]\nallow = \"a.b\"\ncredential = \"x\""),
              HasSubstr("needs inspect = true"));
  EXPECT_THAT(ErrorOf("[[rule]]\nallow = \"*\"\ninspect = true\ncredential = \"x\""),
              HasSubstr("hosts by name"));
  EXPECT_THAT(ErrorOf("[[rule]]\ndeny = \"a.b\"\ninspect = true\ncredential = \"x\""),
              HasSubstr("goes with 'allow'"));
  EXPECT_THAT(ErrorOf("[[rule]]\nallow = \"a.b\"\ninspect = true\ncredential = \"x y\""),
              HasSubstr("p.toml:4:14: a credential is the name"));
  EXPECT_THAT(ErrorOf("[[rule]]\nallow = \"a.b\"\ninspect = true\ncredential = [\"x\"]"),
              HasSubstr("a text in quotes"));
  for (const char* bad :
       {"connections = 0", "connections = \"8\"", "bytes = 0", "bytes = \"10 MB\"",
        "bytes = \"MB\"", "rate = 60", "rate = \"60\"", "rate = \"0/minute\"", "rate = \"1/day\"",
        "log = true", "log = \"none\""}) {
    EXPECT_THAT(ErrorOf("[[rule]]\nallow = \"a.b\"\n" + std::string(bad)), HasSubstr("p.toml:3:"));
  }
  EXPECT_THAT(ErrorOf("[[rule]]\ndeny = \"a.b\"\nconnections = 1"), HasSubstr("go with 'allow'"));
  EXPECT_EQ(ErrorOf("[[rule]]\nallow = \"a.b\"\nresolves_to = [\"10.0.0.0/8\"]", Layer::kServer),
            "accepted");
  EXPECT_THAT(ErrorOf("allow = \"a\nb\""), HasSubstr("p.toml:1"));
  const auto json = ParseJson(R"({"rule": [{"allow": "a.b", "port": 1}]})", Layer::kSandbox);
  ASSERT_FALSE(json);
  EXPECT_THAT(json.error().message(), HasSubstr("/rule/0/port: there is no key 'port'"));
}

TEST(DocumentTest, PortsStandInOnePlace) {
  EXPECT_EQ(ErrorOf("[[rule]]\nallow = [\"y.test\",\n\"x.test:443\"]\nports = [8080]"),
            "p.toml:3:1: egress rule 'x.test:443': the rule has 'ports' as well: write the port in "
            "one place, \"x.test\" here or no 'ports'");
  EXPECT_THAT(ErrorOf("[[rule]]\ndeny = \"10.0.0.0/8:22\"\nports = 22"),
              HasSubstr("p.toml:2:8: egress rule '10.0.0.0/8:22': the rule has 'ports' as well"));
  EXPECT_THAT(ErrorOf("[[rule]]\nallow = \"*:443\"\nports = 443"), HasSubstr("in one place"));
  const auto json =
      ParseJson(R"({"rule": [{"allow": ["x.test:443"], "ports": [8080]}]})", Layer::kSandbox);
  ASSERT_FALSE(json);
  EXPECT_THAT(json.error().message(), HasSubstr("/rule/0/allow/0: "));
  EXPECT_EQ(RulesOf(ParseToml("[[rule]]\nallow = [\"x.test:443\", \"y.test\"]\n[[rule]]\n"
                              "allow = [\"z.test\", \"10.0.0.0/8\", \"[2001:db8::]/32\"]\n"
                              "ports = [22, \"80-81\"]",
                              "p.toml", Layer::kSandbox)),
            (std::vector<std::string>{"x.test:443", "y.test:80,443", "z.test:22,80-81",
                                      "10.0.0.0/8:22,80-81", "[2001:db8::]/32:22,80-81"}));
}

TEST(DocumentTest, WhatIsNoHostIsRefusedWithWhatToWrite) {
  const auto advice = [](std::string_view host) {
    return "write the host alone, without https:// and path: \"" + std::string(host) +
           "\"; paths go into 'paths' of a [[rule]]";
  };
  EXPECT_EQ(ErrorOf("allow = [\"https://example.org/\"]"),
            "p.toml:1:10: egress rule 'https://example.org/': " + advice("example.org"));
  EXPECT_EQ(ErrorOf("allow = [\"example.org/foo\"]"),
            "p.toml:1:10: egress rule 'example.org/foo': " + advice("example.org"));
  EXPECT_THAT(ErrorOf("allow = \"https://example.org\""), HasSubstr(advice("example.org")));
  EXPECT_THAT(ErrorOf("allow = \"example.org:8443/a:b\""), HasSubstr(advice("example.org:8443")));
  EXPECT_THAT(ErrorOf("allow = \"*.example.org/**\""), HasSubstr(advice("*.example.org")));
  EXPECT_THAT(ErrorOf("allow = \"https://me@x.test/\""), HasSubstr(advice("example.org")));
  EXPECT_EQ(ErrorOf("allow = [\"1.2.3.4\"]"),
            "p.toml:1:10: egress rule '1.2.3.4': an address is written as a network: "
            "\"1.2.3.4/32:443\"");
  EXPECT_THAT(ErrorOf("allow = \"1.2.3.4:22\""), HasSubstr("\"1.2.3.4/32:22\""));
  EXPECT_THAT(ErrorOf("allow = \"2001:db8::1\""), HasSubstr("\"[2001:db8::1]/128:443\""));
  EXPECT_THAT(ErrorOf("allow = \"[2001:db8::1]:22\""), HasSubstr("\"[2001:db8::1]/128:22\""));
  EXPECT_THAT(ErrorOf("[[rule]]\nallow = \"1.2.3.4\"\nports = 22"), HasSubstr("\"1.2.3.4/32\""));
  EXPECT_THAT(ErrorOf("allow = \"10.0.0.0/8\""), HasSubstr("a network needs ports"));
  EXPECT_THAT(ErrorOf("allow = \"2001:db8::/32\""), HasSubstr("a network needs ports"));
  EXPECT_THAT(ErrorOf("allow = \"10.0.0.1/8:22\""), HasSubstr("is no network"));
  EXPECT_THAT(ErrorOf("allow = \"10.0.0.1/032:80\""), HasSubstr("is no network"));
  EXPECT_THAT(ErrorOf("allow = \"x.test:0443\""), HasSubstr("'0443' is no port"));
  for (const char* mapped : {"::ffff:10.0.0.0/104:22", "[::ffff:a00:0]/104:22"}) {
    EXPECT_THAT(ErrorOf("deny = \"" + std::string(mapped) + "\""),
                HasSubstr("a network of IPv4 is written as one: \"10.0.0.0/8\""));
  }
  EXPECT_THAT(ErrorOf("allow = \"xn--99999999.test\""), HasSubstr("stands for no letters"));
}

TEST(DocumentTest, LimitsAreSpeltInOneWay) {
  EXPECT_EQ(RulesOf(ParseToml("[[rule]]\nallow=[\"a.b\",\"10.0.0.0/8:22\"]\nconnections=8\n"
                              "bytes=\"2MB\"\nrate=\"60/minute\"\nlog=\"requests\"",
                              "p.toml", Layer::kSandbox)),
            (std::vector<std::string>{
                "a.b:80,443 connections=8 bytes=2000000 rate=60/60s log=requests",
                "10.0.0.0/8:22 connections=8 bytes=2000000 rate=60/60s log=requests"}));
}

TEST(DocumentTest, AControlCharacterIsRefusedAtItsPlace) {
  using namespace std::string_literals;
  EXPECT_THAT(ErrorOf("allow = [\"a.b\"]\n[[\0rule]]"s), HasSubstr("2"));
  EXPECT_THAT(ErrorOf("[[\0rule]]"s), HasSubstr("a control character"));
  EXPECT_THAT(ErrorOf("# \x7f"s), HasSubstr("a control character"));
  EXPECT_EQ(ErrorOf("allow = [\"a.b\"]\r\n\tdeny = [\"c.d\"]\n"s), "accepted");
}

// Each of these begins at a letter that the parser's table of blanks puts beside a blank
// (json/toml.h), where a blank could be: after one, and at the start of a line.
TEST(DocumentTest, CommentsAndTextsMayHaveAnyLetter) {
  const std::vector<std::string> want = {"a.test:80,443", "b.test:80,443"};
  for (const std::string letters :
       {"\u00e9t\u00e9", "\u0451\u043b\u043a\u0430", "\u03b1", "\u3042\u30a2", "\u4e2d\u6587",
        "\u05d0", "\ufefe", "\U0001f980", "\u00a0x", "\u2003x", "\u3000x", "\u1680x"}) {
    const std::string text = "# " + letters + "\n#" + letters + "\nallow = [ # " + letters +
                             "\n  \"a.test\", # " + letters + "\n  \"b.test\" ]# " + letters;
    EXPECT_EQ(RulesOf(ParseToml(text, "p.toml", Layer::kSandbox)), want) << letters;
    const auto node = NodeFromToml("a = '" + letters + " " + letters + "'", "p.toml");
    ASSERT_TRUE(node) << letters;
    EXPECT_EQ(node->entries[0].value.text, letters + " " + letters);
  }
  EXPECT_EQ(RulesOf(ParseToml("\ufeffallow = ['a.test', 'b.test']", "p", Layer::kSandbox)), want);
}

TEST(DocumentTest, OtherLettersInKeysAndNamesAreRefusedAtTheirPlace) {
  EXPECT_THAT(ErrorOf("\u00e9 = 1"), HasSubstr("p.toml:1"));
  EXPECT_THAT(ErrorOf("default = \"deny\"\n \u3042 = 1"), HasSubstr("p.toml:2"));
  EXPECT_THAT(ErrorOf("\"\u00e9\" = 1"), HasSubstr("there is no key '\u00e9'"));
  EXPECT_THAT(ErrorOf("[\xef\xbb\xbf]"), HasSubstr("p.toml:1:2"));
  EXPECT_THAT(ErrorOf("allow = [\"caf\u00e9.test\"]"),
              HasSubstr("'caf\u00e9.test': not a host name: it has letters beyond ASCII; write the "
                        "form that begins with xn--"));
  EXPECT_THAT(ErrorOf("# \xe9\nallow = \"a.test\""), HasSubstr("p.toml:1"));
}

TEST(DocumentTest, AHeaderThatIsNoKeyIsRefused) {
  EXPECT_THAT(ErrorOf("[`rule]]\n"), HasSubstr("p.toml:1"));
}

TEST(DocumentTest, ANameWithANulIsRefused) {
  EXPECT_FALSE(ParseJson(R"({"allow": ["allowed.test\u0000.evil.test"]})", Layer::kSandbox));
}

// 1024 hosts with 1024 paths: what they have in common is there once, and no text is long.
TEST(DocumentTest, HostsOfARuleShareWhatTheyHaveInCommon) {
  std::string hosts;
  std::string paths;
  for (int i = 0; i < 1024; ++i) {
    hosts += (i > 0 ? "," : "") + ("\"h" + std::to_string(i) + ".test\"");
    paths += (i > 0 ? "," : "") + ("\"/p" + std::to_string(i) + "/**\"");
  }
  const auto read = [&](const std::string& last) {
    return ParseJson(R"({"rule":[{"allow":[)" + hosts + R"(],"bytes":1000,"paths":[)" + paths +
                         ",\"" + last + "\"]}]}",
                     Layer::kSandbox);
  };
  paths.resize(paths.rfind(','));
  const auto document = read("/last");
  ASSERT_TRUE(document) << document.error().message();
  ASSERT_EQ(document->rules.size(), 1024u);
  const Rule& first = document->rules.front();
  const Rule& last = document->rules.back();
  EXPECT_EQ(&first.paths.items(), &last.paths.items());
  EXPECT_LT(last.text.size(), 1024u);
  EXPECT_THAT(last.text, HasSubstr("/p0/** /p1/**"));
  EXPECT_THAT(last.text, HasSubstr("more paths ("));
  EXPECT_EQ(last.limits.rule, last.text);
  EXPECT_NE(read("/other")->rules.back().text, last.text) << "counted apart";
}

TEST(DocumentTest, ASmallDocumentStaysSmall) {
  std::string rule = R"({"allow":"a.test","paths":[)";
  for (int i = 0; i < 1024; ++i) rule += (i > 0 ? ",\"/" : "\"/") + std::to_string(i) + "\"";
  rule += "]}";
  std::string rules = rule;
  for (int i = 1; i < 9; ++i) rules += "," + rule;
  const auto many = ParseJson("{\"rule\":[" + rules + "]}", Layer::kSandbox);
  ASSERT_FALSE(many);
  EXPECT_THAT(many.error().message(), HasSubstr("over 8192 paths"));
  std::string ports = "1";
  for (int i = 3; i < 200; i += 2) ports += "," + std::to_string(i);
  const auto list =
      ParseJson(R"({"rule":[{"allow":"a.test","ports":[)" + ports + "]}]}", Layer::kSandbox);
  ASSERT_FALSE(list);
  EXPECT_THAT(list.error().message(), HasSubstr("over 64"));
  // A long path is not repeated in the text of each host.
  const auto wide =
      ParseJson(R"({"rule":[{"allow":"a.test","paths":"/)" + std::string(8000, 'x') + R"("}]})",
                Layer::kSandbox);
  ASSERT_TRUE(wide) << wide.error().message();
  EXPECT_LT(wide->rules[0].text.size(), 128u);
  EXPECT_THAT(wide->rules[0].text, HasSubstr("1 paths ("));
}

TEST(DocumentTest, AKeyThatIsThereTwiceIsRefused) {
  for (const char* text : {R"({"default":"deny","default":"allow"})",
                           R"({"allow":"a.test","deny":"b.test","deny":"c.test"})",
                           R"({"rule":[{"allow":"a.test","methods":"GET","methods":"POST"}]})"}) {
    const auto document = ParseJson(text, Layer::kSandbox);
    ASSERT_FALSE(document) << text;
    EXPECT_THAT(document.error().message(), HasSubstr("twice")) << text;
  }
}

}  // namespace
}  // namespace cove::policy
