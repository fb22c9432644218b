// The wire corpus (tests/wire) and what its records demand, for tests.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "bridge/relay.h"

namespace cove::bridge {

inline std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

struct Case {
  std::string name;
  std::string request;
  std::string answer;
  json::Object record;
  std::string client;  // what the agent gets
  ProviderKind kind = ProviderKind::kOpenAi;
  std::string path;
  Api api = Api::kModels;
  RelayOptions options;
  http::ResponseHead head;
  bool event_stream() const {
    return head.headers.Get("content-type")->find("amazon") != std::string_view::npos;
  }
  bool sse() const { return FormOf(*head.headers.Get("content-type")) == AnswerForm::kSse; }
};

inline ProviderKind ParseKind(std::string_view name) {
  if (name == "bedrock") return ProviderKind::kBedrock;
  return name == "anthropic" ? ProviderKind::kAnthropic : ProviderKind::kOpenAi;
}

inline Api ParseApi(std::string_view name) {
  for (const Api api :
       {Api::kResponses, Api::kChatCompletions, Api::kMessages, Api::kCountTokens}) {
    if (ApiName(api) == name) return api;
  }
  return Api::kModels;
}

inline std::vector<Case> Corpus() {
  std::vector<Case> out;
  const std::filesystem::path dir = COVE_SOURCE_DIR "/tests/wire";
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    if (entry.path().extension() != ".answer") continue;
    Case c;
    c.name = entry.path().stem();
    c.answer = ReadFile(entry.path());
    c.request = ReadFile(dir / (c.name + ".request.json"));
    c.record = *json::ParseObject(ReadFile(dir / (c.name + ".record.json")));
    c.client = json::GetString(c.record, "client").value_or(c.answer);
    c.kind = ParseKind(*json::GetString(c.record, "kind"));
    c.path = *json::GetString(c.record, "path");
    c.api = ParseApi(*json::GetString(c.record, "api"));
    c.options.api = c.api;
    if (c.client != c.answer) c.options.usage_chunk = RelayOptions::UsageChunk::kHide;
    c.head.status = static_cast<int>(*json::GetInt(c.record, "status"));
    c.head.headers.Set("Content-Type", *json::GetString(c.record, "type"));
    c.head.headers.Set("x-request-id", "req_7");
    out.push_back(std::move(c));
  }
  EXPECT_GE(out.size(), 22U);
  return out;
}

inline Usage WantedUsage(const Case& c) {
  Usage out;
  const json::Object* usage = json::GetObject(c.record, "usage");
  if (usage == nullptr) return out;
  out.known = true;
  out.input = *json::GetInt(*usage, "input");
  out.cached = *json::GetInt(*usage, "cached");
  out.cache_write = *json::GetInt(*usage, "cacheWrite");
  out.output = *json::GetInt(*usage, "output");
  out.reasoning = *json::GetInt(*usage, "reasoning");
  out.cache_write_1h = *json::GetInt(*usage, "cacheWrite1h");
  out.web_searches = *json::GetInt(*usage, "webSearches");
  return out;
}

inline json::Value ToolsOf(const AnswerFacts& facts) {
  json::Array out;
  for (const ToolCall& t : facts.tools()) {
    EXPECT_FALSE(t.cut);
    out.push_back(json::Array{t.kind, t.name, t.server, t.call_id, t.item_id, t.input});
  }
  return out;
}

inline json::Value ThoughtsOf(const AnswerFacts& facts) {
  json::Array out;
  for (const Thought& t : facts.thoughts()) out.push_back(json::Array{t.source, t.text});
  return out;
}

inline std::string Show(const Usage& u) {
  std::ostringstream out;
  out << u.known << " " << u.input << " " << u.cached << " " << u.cache_write << " " << u.output
      << " " << u.reasoning << " " << u.cache_write_1h << " " << u.web_searches;
  return out.str();
}

inline Outcome WantedOutcome(const Case& c) {
  if (c.head.status >= 400) return Outcome::kRejected;
  return json::Find(c.record, "error") == nullptr ? Outcome::kCompleted : Outcome::kFailed;
}

inline void ExpectRecord(const Case& c, const AnswerFacts& facts, const std::string& where) {
  const auto text = [&](const char* key) { return json::GetString(c.record, key).value_or(""); };
  const auto list = [&](const char* key) {
    const json::Value* value = json::Find(c.record, key);
    return value == nullptr ? json::Value(json::Array()) : *value;
  };
  EXPECT_EQ(Show(facts.usage), Show(WantedUsage(c))) << where;
  EXPECT_EQ(facts.response_id, text("id")) << where;
  EXPECT_EQ(facts.model, text("model")) << where;
  EXPECT_EQ(facts.stop, text("stop")) << where;
  EXPECT_EQ(facts.error, text("error")) << where;
  EXPECT_EQ(facts.complete, json::GetBool(c.record, "complete").value_or(false)) << where;
  EXPECT_FALSE(facts.cut) << where;
  EXPECT_EQ(json::Write(ToolsOf(facts)), json::Write(list("tools"))) << where;
  EXPECT_EQ(json::Write(ThoughtsOf(facts)), json::Write(list("thoughts"))) << where;
}

}  // namespace cove::bridge
