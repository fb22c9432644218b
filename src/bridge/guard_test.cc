// Goal: what the operator does not allow is found wherever a request may hide it, and what agents
// do by themselves is left alone. Method: requests in the shapes of the providers' references.
#include "bridge/guard.h"

#include <gtest/gtest.h>

namespace cove::bridge {
namespace {

// The code of the refusal, or "".
std::string Judge(const GuardRules& rules, const std::string& text) {
  const auto parsed = json::ParseObject(text);
  EXPECT_TRUE(parsed.ok()) << text;
  const auto refusal = Guard(rules).Judge(*parsed, ReachOf(*parsed));
  return refusal ? refusal->code : "";
}

TEST(GuardTest, PatternsHaveStars) {
  EXPECT_TRUE(FitsPattern("gpt-*", "gpt-5.5"));
  EXPECT_TRUE(FitsPattern("*", ""));
  EXPECT_TRUE(FitsPattern("*-mini*", "gpt-5-mini-2026"));
  EXPECT_TRUE(FitsPattern("a*b*c", "abbbc"));
  EXPECT_FALSE(FitsPattern("a*b*c", "abbb"));
  EXPECT_FALSE(FitsPattern("gpt-5", "gpt-5-pro"));
  EXPECT_FALSE(FitsPattern("", "x"));
}

TEST(GuardTest, WithoutRulesEverythingPasses) {
  EXPECT_EQ(Judge({}, R"({"model":"x","tools":[{"type":"web_search"},{"type":"new_thing"}]})"), "");
  EXPECT_EQ(Judge({}, R"({"a:b":"c:\":d\\","e":[":",{"f":":"}]})"), "");
}

TEST(GuardTest, AModelOfBedrocksIsKnownByItsPlainName) {
  const auto judge = [](std::vector<std::string> models, std::vector<std::string> deny,
                        const std::string& model) {
    GuardRules rules;
    rules.models = std::move(models);
    rules.deny_models = std::move(deny);
    return Judge(rules, R"({"model":")" + model + R"("})");
  };
  const std::string opus = "us.anthropic.claude-opus-4-8-v1:0";
  EXPECT_EQ(judge({"claude-*"}, {}, opus), "");
  EXPECT_EQ(judge({"us.anthropic.*"}, {}, opus), "");
  EXPECT_EQ(judge({"*"}, {"claude-opus-*"}, opus), "cove_model_not_allowed");
  EXPECT_EQ(judge({"eu.*"}, {}, opus), "cove_model_not_allowed");
  const std::string own = "arn:aws:bedrock:us-east-1:1:application-inference-profile/a";
  EXPECT_EQ(judge({}, {}, own), "");
  EXPECT_EQ(judge({}, {"claude-opus-*"}, own), "cove_model_not_allowed") << "it may be one";
  EXPECT_EQ(judge({own, "gpt-*"}, {"claude-opus-*"}, own), "");
}

TEST(GuardTest, OnlyAllowedModelsAreUsedByAnyPartOfTheRequest) {
  GuardRules rules;
  rules.models = {"gpt-*"};
  rules.deny_models = {"*-pro"};
  EXPECT_EQ(Judge(rules, R"({"model":"gpt-5.5"})"), "");
  for (const char* text :
       {R"({"model":"gpt-5-pro"})", R"({"model":"o3"})", R"({})", R"({"model":5})",
        R"({"model":"gpt-5","models":["gpt-5","o3"]})",
        R"({"model":"gpt-5","tools":[{"type":"image_generation","model":"dall-e"}]})"}) {
    EXPECT_EQ(Judge(rules, text), "cove_model_not_allowed") << text;
  }
}

TEST(GuardTest, AModelIsNotHadByWhatAServerMayOverlookInItsName) {
  GuardRules rules;
  rules.models = {"gpt-5*"};
  rules.deny_models = {"*-pro"};
  GuardRules deny;
  deny.deny_models = {"*-pro"};
  for (const char* text :
       {R"({"model":"gpt-5.5-pro "})", R"({"model":"gpt-5.5-pro\u0000"})",
        R"({"model":"gpt-5.5-pro\u00a0"})", R"({"model":"gpt-5.5-pro\n"})",
        R"({"model":"gpt-5.5-PRO"})", R"({"model":"gpt-5.5","models":["gpt-5.5-pro\t"]})"}) {
    EXPECT_EQ(Judge(rules, text), "cove_model_not_allowed") << text;
    EXPECT_EQ(Judge(deny, text), "cove_model_not_allowed") << text;
    EXPECT_EQ(Judge({}, text), "") << text;
  }
}

TEST(GuardTest, HostedToolsAreFoundWhereverTheyStand) {
  GuardRules none;
  none.hosted_tools.emplace();
  for (
      const char* text :
      {R"({"tools":[{"type":"web_search"}]})",
       R"({"tools":[{"type":"web_search_preview"}]})",
       R"({"tools":[{"type":"web_search_20250305","name":"web_search"}]})",
       R"({"tools":[{"type":"web_fetch_20250910"}]})",
       R"({"tools":[{"type":"mcp","server_url":"https://x.test"}]})",
       R"({"tools":[{"type":"mcp","connector_id":"connector_gmail"}]})",
       R"({"mcp_servers":[{"type":"url","url":"https://x.test"}]})",
       R"({"tools":[{"type":"code_interpreter"}]})",
       R"({"tools":[{"type":"code_execution_20250522"}]})",
       R"({"container":"c1"})",
       R"({"tools":[{"type":"shell","environment":{"type":"container_auto"}}]})",
       R"({"tools":[{"type":"file_search"}]})",
       R"({"tools":[{"type":"brand_new"}]})",
       R"({"tools":[{"type":"web_searcher"}]})",
       R"({"web_search_options":{}})",
       R"({"model":"gpt-4o-search-preview"})",
       R"({"model":"gpt-5-search-api"})",
       R"({"model":"openai/gpt-5:online"})",
       R"({"model":"m","models":["m","x:ONLINE"]})",
       R"({"model":"sonar-pro"})",
       R"({"model":"groq/compound"})",
       R"({"plugins":[{"id":"web"}]})",
       R"({"plugins":["web"]})",
       R"({"search_parameters":{"mode":"auto"}})",
       R"({"search_parameters":{}})",
       R"({"enable_search":true})",
       R"({"data_sources":[{"type":"azure_search"}]})",
       R"({"prompt":{"id":"pmpt_1"}})",
       R"({"tools":[{"type":"namespace","tools":[{"type":"web_search"}]}]})",
       R"({"input":[{"type":"additional_tools","tools":[{"type":"namespace","tools":[{"type":"mcp"}]}]}]})",
       R"({"input":[{"content":[{"type":"input_file","file_url":"https://x.test/a"}]}]})",
       R"({"messages":[{"content":[{"source":{"type":"url","url":"https://x.test/a"}}]}]})"}) {
    EXPECT_EQ(Judge(none, text), "cove_tool_not_allowed") << text;
  }
}

TEST(GuardTest, WhatTheAgentRunsItselfIsNotTheGuardsConcern) {
  GuardRules none;
  none.hosted_tools.emplace();
  for (
      const char* text :
      {R"({"tools":[{"type":"function","name":"f","parameters":{"properties":{"tools":{"default":[{"type":"mcp"}]}}}}]})",
       R"({"tools":[{"name":"Bash","input_schema":{"type":"object"}}]})",
       R"({"tools":[{"type":"custom","name":"apply_patch"},{"type":"local_shell"}]})",
       R"({"tools":[{"type":"shell","environment":{"type":"local"}},{"type":"shell"}]})",
       R"({"tools":[{"type":"bash_20250124"},{"type":"text_editor_20250728"}]})",
       R"({"tools":[{"type":"tool_search_tool_regex_20251119"}]})",
       R"({"input":[{"content":[{"image_url":"data:image/png;base64,AA"}]}]})",
       R"({"model":"gpt-5.5","enable_search":false,"search_parameters":{"mode":"off"}})",
       R"({"model":"research-model","web_search_options":null,"plugins":[]})",
       R"({"plugins":[{"id":"web","enabled":false}]})",
       R"({"messages":[{"content":[{"type":"tool_use","input":{"tools":[{"type":"mcp"}]}}]}]})",
       R"({"input":"use web_search on https://x.test"})", R"({"prompt":null,"tools":[]})"}) {
    EXPECT_EQ(Judge(none, text), "") << text;
  }
}

TEST(GuardTest, WhatIsListedPasses) {
  GuardRules some;
  some.hosted_tools = {"web_search", "mcp", "brand_new"};
  EXPECT_EQ(Judge(some, R"({"tools":[{"type":"web_search"},{"type":"brand_new"}]})"), "");
  EXPECT_EQ(Judge(some, R"({"model":"m:online","plugins":[{"id":"web"}]})"), "");
  EXPECT_EQ(Judge(some, R"({"plugins":[{"id":"file-parser"}]})"), "cove_tool_not_allowed");
  EXPECT_EQ(Judge(some, R"({"tools":[{"type":"mcp","server_url":"https://x.test"}]})"), "");
  EXPECT_EQ(Judge(some, R"({"input":[{"image_url":"https://x.test"}]})"), "cove_tool_not_allowed");
}

TEST(GuardTest, ParametersAreRefusedByNameOrByValue) {
  GuardRules rules;
  rules.deny_parameters = {"metadata", "store=true", "service_tier=priority",
                           "reasoning.effort=high", "n=2"};
  for (const char* text :
       {R"({"metadata":{}})", R"({"store":true})", R"({"service_tier":"priority"})",
        R"({"reasoning":{"effort":"high"}})", R"({"n":2})"}) {
    EXPECT_EQ(Judge(rules, text), "cove_parameter_not_allowed") << text;
  }
  EXPECT_EQ(Judge(rules, R"({"metadata":null,"store":false,"service_tier":"auto","n":1,)"
                         R"("reasoning":{"effort":"low"},"input":[{"store":true}]})"),
            "");
}

}  // namespace
}  // namespace cove::bridge
