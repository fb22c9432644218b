// Goal: denial wins, the innermost default holds, no layer widens past a ceiling, and rules about
// requests hold for requests.
// Method: small documents; generated documents against the definition.
#include <gtest/gtest.h>

#include <random>

#include "policy/policy.h"
#include "policy/presets.h"

namespace cove::policy {
namespace {

std::shared_ptr<const Document> Doc(std::string_view toml, Layer layer = Layer::kServer) {
  auto document = ParseToml(toml, "p.toml", layer);
  EXPECT_TRUE(document) << (document ? "" : document.error().message());
  return document ? std::make_shared<Document>(*std::move(document)) : nullptr;
}

std::shared_ptr<const Policy> One(std::string_view toml) {
  return Policy::Make({{Layer::kServer, nullptr, Doc(toml)}});
}

TEST(LayersTest, DenialWinsInAnyOrder) {
  for (const char* text : {"allow=\"*.a.test\"\ndeny=\"x.a.test\"",
                           "[[rule]]\ndeny=\"x.a.test\"\n[[rule]]\nallow=\"*.a.test\""}) {
    const auto policy = One(text);
    EXPECT_TRUE(policy->Evaluate("y.a.test", 443).allow);
    EXPECT_EQ(policy->Evaluate("x.a.test", 443).reason, Reason::kRuleDenies);
    EXPECT_EQ(policy->Evaluate("x.a.test", 443).rule, "deny x.a.test:80,443");
  }
}

TEST(LayersTest, ADefaultOfAllowStillKeepsResolversAndPrivateAddressesOut) {
  const auto policy = One("default=\"allow\"\ndeny=[\"evil.test:*\",\"203.0.113.0/24:*\"]");
  EXPECT_EQ(policy->Evaluate("any.test", 9).rule, "default allow");
  EXPECT_FALSE(policy->Evaluate("evil.test", 443).allow);
  EXPECT_FALSE(policy->EvaluateName("evil.test").allow);
  EXPECT_FALSE(policy->Evaluate("dns.google", 443).allow);
  const Address denied = Address::V4(203, 0, 113, 7);
  EXPECT_FALSE(policy->EvaluateAddress(denied, 443, AddressClass::kPublic).allow);
  EXPECT_FALSE(policy->MayDial("any.test", denied, 443, AddressClass::kPublic));
  const Address ten = Address::V4(10, 0, 0, 1);
  EXPECT_EQ(policy->EvaluateAddress(ten, 443, AddressClass::kPrivate).reason,
            Reason::kAddressNotPublic);
  EXPECT_FALSE(policy->MayDial("any.test", ten, 443, AddressClass::kPrivate));
}

TEST(LayersTest, TheInnermostDefaultHoldsWithinEveryCeiling) {
  const auto server =
      LayerPolicy{Layer::kServer, Doc("allow=\"**.corp.test\"\ndeny=\"x.corp.test\""),
                  Doc("allow=\"a.corp.test\"")};
  const auto sandbox = [&](std::string_view text) {
    return Policy::Make({server, {Layer::kSandbox, nullptr, Doc(text, Layer::kSandbox)}});
  };
  EXPECT_TRUE(Policy::Make({server})->Evaluate("a.corp.test", 443).allow);
  EXPECT_FALSE(Policy::Make({server})->Evaluate("b.corp.test", 443).allow);
  const auto wider = sandbox("allow=[\"b.corp.test\",\"x.corp.test\",\"evil.test\"]");
  EXPECT_TRUE(wider->Evaluate("b.corp.test", 443).allow);
  EXPECT_FALSE(wider->Evaluate("a.corp.test", 443).allow);  // its own list replaces the default
  EXPECT_EQ(wider->Evaluate("evil.test", 443).reason, Reason::kAboveCeiling);
  EXPECT_EQ(wider->Evaluate("evil.test", 443).layer, Layer::kServer);
  EXPECT_EQ(wider->Evaluate("x.corp.test", 443).reason, Reason::kRuleDenies);
  EXPECT_EQ(wider->Evaluate("x.corp.test", 443).rule, "deny x.corp.test:80,443");
  EXPECT_FALSE(sandbox("")->Evaluate("a.corp.test", 443).allow);
  EXPECT_FALSE(sandbox("default=\"allow\"")->Evaluate("evil.test", 443).allow);
}

LayerPolicy Layered(std::string_view text, Layer layer) {
  auto out = ParseLayer(text, "p.toml", layer);
  EXPECT_TRUE(out) << (out ? "" : out.error().message());
  return out ? *out : LayerPolicy{};
}

TEST(LayersTest, AboutModelsTheInnermostDefaultHoldsAndEveryCeiling) {
  const auto server = Layered("allow=\"a.test\"\n[ceiling.models]\ndeny=\"*-pro\"", Layer::kServer);
  EXPECT_EQ(server.ceiling, nullptr) << "nothing is said about the network";
  const auto org = Layered("[models]\nallow=[\"gpt-*\"]\nhosted_tools=[]", Layer::kOrganization);
  EXPECT_EQ(org.standard, nullptr);
  const auto of = [&](std::vector<LayerPolicy> layers) {
    std::string out;
    const auto policy = Policy::Make(std::move(layers));
    for (const ModelCut& cut : policy->models()) {
      out += std::string(LayerName(cut.layer)) +
             (cut.part == Step::Part::kCeiling ? " ceiling" : " default") + ";";
    }
    return out;
  };
  EXPECT_EQ(of({server, org}), "organization default;server ceiling;");
  EXPECT_TRUE(Policy::Make({server, org})->Evaluate("a.test", 443).allow);
  const auto own = Layered("[models]\nallow=\"o3\"", Layer::kSandbox);
  EXPECT_EQ(of({server, org, own}), "sandbox default;server ceiling;");
  const auto lists = Layered("allow=\"b.test\"", Layer::kSandbox);
  EXPECT_EQ(of({server, org, lists}), "organization default;server ceiling;")
      << "a word about the network is none about models";
  const auto rules = *org.models;
  EXPECT_EQ(rules.allow, std::vector<std::string>{"gpt-*"});
  ASSERT_TRUE(rules.hosted_tools);
  EXPECT_TRUE(rules.hosted_tools->empty());
}

TEST(LayersTest, MistakesAboutModelsAreNamed) {
  for (const char* text :
       {"[models]", "[models]\nallow=[]", "[models]\nalow=\"x\"", "models=1", "[models]\nallow=[1]",
        "[models]\nallow=\"\"", "[models]\nhosted_tools=1",
        "[models]\nallow=\"x\"\n[ceiling.models]\nallow=\"x\""}) {
    EXPECT_FALSE(ParseLayer(text, "p.toml", Layer::kSandbox)) << text;
  }
  EXPECT_TRUE(ParseLayer(R"({"ceiling":{"models":{"deny":["x"]}}})", "p", Layer::kOrganization));
}

TEST(LayersTest, OnlyTheOperatorOpensPrivateRanges) {
  const Address ten = Address::V4(10, 1, 2, 3);
  const auto own = Doc("allow=[\"10.0.0.0/8:443\",\"mirror.test\"]", Layer::kSandbox);
  const auto with = [&](std::string_view ceiling, std::string_view standard) {
    return Policy::Make(
        {{Layer::kServer, Doc(ceiling), Doc(standard)}, {Layer::kSandbox, nullptr, own}});
  };
  constexpr std::string_view kAll = "default=\"allow\"";
  const auto alone = with(kAll, "");
  EXPECT_EQ(alone->EvaluateAddress(ten, 443, AddressClass::kPrivate).reason,
            Reason::kAddressNotPublic);
  EXPECT_FALSE(alone->MayDial("mirror.test", ten, 443, AddressClass::kPrivate));
  const auto named = with("default=\"allow\"\nallow=\"10.1.0.0/16:443\"", "");
  EXPECT_TRUE(named->EvaluateAddress(ten, 443, AddressClass::kPrivate).allow);
  EXPECT_FALSE(named->EvaluateAddress(ten, 443, AddressClass::kOwn).allow);
  EXPECT_FALSE(named->MayDial("mirror.test", ten, 443, AddressClass::kPrivate));
  const auto mirror = with(kAll, "[[rule]]\nallow=\"mirror.test\"\nresolves_to=[\"10.1.0.0/16\"]");
  EXPECT_TRUE(mirror->MayDial("mirror.test", ten, 443, AddressClass::kPrivate));
  EXPECT_FALSE(mirror->MayDial("other.test", ten, 443, AddressClass::kPrivate));
  EXPECT_FALSE(mirror->MayDial("mirror.test", ten, 443, AddressClass::kLoopback));
}

TEST(RequestRulesTest, MethodsAndPathsHoldForRequests) {
  const auto policy =
      One("[[rule]]\nallow=\"git.test\"\nmethods=[\"GET\",\"HEAD\"]\npaths=[\"/org/**\"]\n"
          "[[rule]]\ndeny=\"open.test\"\nmethods=[\"DELETE\"]\n[[rule]]\nallow=\"open.test\"");
  EXPECT_TRUE(policy->EvaluateName("git.test").allow);
  EXPECT_TRUE(policy->Evaluate("git.test", 80).by_request);
  EXPECT_EQ(policy->EvaluateTunnel("git.test", 443).reason, Reason::kNeedsInspection);
  EXPECT_TRUE(policy->EvaluateRequest("git.test", 80, "GET", "/org/x").allow);
  EXPECT_EQ(policy->EvaluateRequest("git.test", 80, "POST", "/org/x").reason,
            Reason::kRequestNotAllowed);
  EXPECT_EQ(policy->EvaluateRequest("git.test", 80, "GET", "/org/../x").reason, Reason::kBadPath);
  EXPECT_FALSE(policy->EvaluateRequest("git.test", 80, "get", "/org/x").allow);
  EXPECT_FALSE(policy->EvaluateRequest("git.test", 80, "GET-X", "/org/x").allow);
  EXPECT_FALSE(policy->EvaluateRequest("git.test", 80, "", "/org/x").allow);
  EXPECT_TRUE(policy->EvaluateRequest("open.test", 80, "GET", "//odd/../path").allow);
  EXPECT_FALSE(policy->EvaluateRequest("open.test", 80, "DELETE", "/x").allow);
  EXPECT_FALSE(policy->EvaluateTunnel("open.test", 443).allow);
}

TEST(RequestRulesTest, CredentialsGoWithTheRequestsOfTheirRules) {
  const auto policy =
      One("allow=\"git.test\"\n"
          "[[rule]]\nallow=\"git.test\"\ninspect=true\ncredential=\"reader\"\npaths=[\"/org/**\"]\n"
          "[[rule]]\nallow=\"git.test\"\ninspect=true\ncredential=\"writer\"\nmethods=[\"POST\"]\n"
          "[[rule]]\nallow=\"git.test\"\ninspect=true\ncredential=\"writer\"\npaths=[\"/org/**\"]");
  const auto names = [&](std::string_view method, std::string_view target) {
    return policy->EvaluateRequest("git.test", 443, method, target).credentials;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names("GET", "/other"), Names{});
  EXPECT_EQ(names("POST", "/other"), Names{"writer"});
  EXPECT_EQ(names("GET", "/org/x"), (Names{"reader", "writer"}));
  EXPECT_EQ(policy->EvaluateRequest("git.test", 443, "GET", "/other").rule, "git.test:80,443");
  EXPECT_TRUE(policy->EvaluateRequest("git.test", 8443, "GET", "/org/x").credentials.empty());
}

TEST(PresetsTest, AreSoundAndHaveReasons) {
  for (const Preset& preset : Presets()) {
    EXPECT_GT(preset.reason.size(), 20u) << preset.name;
    const auto rules = PresetRules(preset.name, Layer::kSandbox);
    ASSERT_TRUE(rules) << preset.name << ": " << rules.error().message();
    EXPECT_EQ(rules->size(), preset.allow.size() + preset.requests.size());
  }
}

TEST(PresetsTest, GithubCloneClonesAndDoesNotPush) {
  const auto clone = One("presets=[\"github-clone\"]");
  const auto both = One("presets=[\"github-clone\", \"github\"]");
  EXPECT_TRUE(clone->Evaluate("github.com", 443).inspect);
  const auto allows = [](const auto& policy, std::string_view method, std::string_view target) {
    return policy->EvaluateRequest("github.com", 443, method, target).allow;
  };
  EXPECT_TRUE(allows(clone, "GET", "/o/r/info/refs?service=git-upload-pack"));
  EXPECT_TRUE(allows(clone, "POST", "/o/r.git/git-upload-pack"));
  EXPECT_FALSE(allows(clone, "POST", "/o/r.git/git-receive-pack"));
  EXPECT_FALSE(allows(clone, "POST", "/o/r/issues"));
  EXPECT_TRUE(allows(both, "POST", "/o/r.git/git-receive-pack"));
  EXPECT_TRUE(clone->EvaluateTunnel("codeload.github.com", 443).allow);
}

TEST(PresetsTest, GithubCloneGetsLargeFilesAndPutsNone) {
  const auto clone = One("presets=[\"github-clone\"]");
  const auto both = One("presets=[\"github\"]");
  const auto allows = [](const auto& policy, std::string_view host, std::string_view method,
                         std::string_view target) {
    return policy->EvaluateRequest(host, 443, method, target).allow;
  };
  const std::string gets = "github-cloud.githubusercontent.com";
  const std::string puts = "github-cloud.s3.amazonaws.com";
  EXPECT_TRUE(allows(clone, "github.com", "POST", "/o/r.git/info/lfs/objects/batch"));
  EXPECT_FALSE(allows(clone, "github.com", "POST", "/o/r.git/info/lfs/locks"));
  EXPECT_FALSE(allows(clone, "github.com", "POST", "/o/r.git/info/lfs/verify"));
  EXPECT_TRUE(allows(clone, gets, "GET", "/alambic/media/1/ab/cd/abcd?X-Amz-Expires=3600"));
  for (const char* method : {"PUT", "POST", "PATCH", "DELETE"}) {
    EXPECT_FALSE(allows(clone, gets, method, "/alambic/media/1/ab/cd/abcd")) << method;
  }
  EXPECT_FALSE(clone->EvaluateTunnel(gets, 443).allow) << "what nobody reads could be an upload";
  EXPECT_FALSE(clone->Evaluate(puts, 443).allow);
  EXPECT_TRUE(allows(both, puts, "PUT", "/alambic/media/1/ab/cd/abcd"));
  EXPECT_FALSE(allows(both, puts, "POST", "/alambic/media/1/ab/cd/abcd"));
  EXPECT_TRUE(both->Evaluate(puts, 443).inspect);
  EXPECT_FALSE(both->EvaluateTunnel(puts, 443).allow) << "it could name another bucket inside";
}

// --- the definition, spelt out, against generated documents

struct Made {
  std::string toml;
  bool allow_rest;
  std::vector<std::pair<bool, std::string>> rules;  // deny?, pattern
};

Made MakeDocument(std::mt19937& random) {
  static const std::vector<std::string> kPatterns = {"a.t.test",  "b.t.test",    "*.t.test",
                                                     "**.t.test", "**.b.t.test", "*.b.t.test"};
  Made made;
  made.allow_rest = random() % 4 == 0;
  made.toml = made.allow_rest ? "default=\"allow\"\n" : "";
  for (size_t n = random() % 4; n > 0; --n) {
    const bool deny = random() % 3 == 0;
    const std::string& pattern = kPatterns[random() % kPatterns.size()];
    made.rules.emplace_back(deny, pattern);
    made.toml += std::string("[[rule]]\n") + (deny ? "deny" : "allow") + "=\"" + pattern + "\"\n";
  }
  return made;
}

bool About(std::string pattern, const std::string& name) {
  const bool apex = pattern.starts_with("**.");
  const bool below = apex || pattern.starts_with("*.");
  if (!below) return name == pattern;
  pattern = pattern.substr(apex ? 3 : 2);
  return (apex && name == pattern) || name.ends_with("." + pattern);
}

bool Allows(const Made& made, const std::string& name) {
  bool allow = made.allow_rest;
  for (const auto& [deny, pattern] : made.rules) {
    if (!About(pattern, name)) continue;
    if (deny) return false;
    allow = true;
  }
  return allow;
}

TEST(LayersTest, AgreeWithTheirDefinition) {
  std::mt19937 random(23);
  const std::vector<std::string> names = {"t.test", "a.t.test", "b.t.test", "x.b.t.test", "o.test"};
  for (int i = 0; i < 3000; ++i) {
    std::vector<LayerPolicy> layers;
    std::vector<Made> ceilings;
    Made standard;
    for (const Layer layer : {Layer::kServer, Layer::kOrganization, Layer::kSandbox}) {
      LayerPolicy one{layer, nullptr, nullptr};
      if (random() % 2 == 0) {
        ceilings.push_back(MakeDocument(random));
        one.ceiling = Doc(ceilings.back().toml, layer);
      }
      if (layer == Layer::kServer || random() % 2 == 0) {
        standard = MakeDocument(random);
        one.standard = Doc(standard.toml, layer);
      }
      layers.push_back(std::move(one));
    }
    const auto policy = Policy::Make(std::move(layers));
    for (const std::string& name : names) {
      bool want = Allows(standard, name);
      for (const Made& ceiling : ceilings) want = want && Allows(ceiling, name);
      ASSERT_EQ(policy->Evaluate(name, 443).allow, want) << name << "\n" << standard.toml;
      ASSERT_TRUE(!want || policy->EvaluateName(name).allow) << name;
    }
  }
}

}  // namespace
}  // namespace cove::policy
