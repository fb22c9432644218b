// Goal: whatever a provider would fetch is found under every provider's name for it, and what is
// only text is not taken for it. Method: requests in the shapes of the providers' references.
#include "bridge/fetched_urls.h"

#include <gtest/gtest.h>

namespace cove::bridge {
namespace {

// The URLs, one after the other, with "mcp " before those of MCP servers.
std::string Found(const std::string& text) {
  const auto parsed = json::ParseObject(text);
  EXPECT_TRUE(parsed.ok()) << text;
  std::string out;
  for (const FetchedUrl& url : FetchedUrls(*parsed)) {
    if (url.use == FetchedUrl::Use::kMcpServer) out += "mcp ";
    out += url.text + ";";
  }
  return out;
}

std::string InContent(const std::string& part) {
  return R"({"model":"m","messages":[{"role":"user","content":[)" + part + "]}]}";
}

TEST(FetchedUrlsTest, EveryProvidersNameForWhatItFetchesIsKnown) {
  for (const char* part :
       {R"({"type":"video_url","video_url":{"url":"http://x.test/"}})",
        R"({"type":"audio_url","audio_url":{"url":"http://x.test/"}})",
        R"({"type":"document_url","document_url":"http://x.test/"})",
        R"({"type":"image_url","image_url":"http://x.test/"})",
        R"({"type":"input_image","imageUrl":"http://x.test/"})",
        R"({"type":"video","video":["http://x.test/"]})",
        R"({"type":"file","file":{"file_data":"http://x.test/"}})",
        R"({"type":"input_audio","input_audio":{"data":"http://x.test/"}})",
        R"({"fileData":{"fileUri":"http://x.test/"}})",
        R"({"type":"document","source":{"type":"url","url":"http://x.test/"}})",
        R"({"type":"tool_use","image_url":"http://x.test/","input":{}})",
        R"({"type":"tool_result","content":[{"type":"image","source":{"url":"http://x.test/"}}]})",
        R"({"type":"web_fetch_tool_result","content":{"type":"web_fetch_result","url":"https://o",)"
        R"("content":{"source":{"type":"url","url":"http://x.test/"}}}})"}) {
    EXPECT_NE(Found(InContent(part)).find("http://x.test/;"), std::string::npos) << part;
  }
  for (const char* text :
       {R"({"search_parameters":{"sources":[{"type":"rss","links":["http://x.test/"]}]}})",
        R"({"input":[{"output":[{"type":"input_image","image_url":"http://x.test/"}]}]})",
        R"({"type":"tool_use","input":[{"content":[{"image_url":"http://x.test/"}]}]})",
        R"({"data_sources":[{"type":"s","parameters":{"endpoint":"http://x.test/"}}]})",
        R"({"api_base":"http://x.test/"})", R"({"base_url":"http://x.test/"})"}) {
    EXPECT_EQ(Found(text), "http://x.test/;") << text;
  }
  EXPECT_EQ(Found(R"({"tools":[{"server_url":"http://x"}],"mcp_servers":[{"url":"http://y"}]})"),
            "mcp http://x;mcp http://y;");
}

TEST(FetchedUrlsTest, AUrlOfAnySchemeOrOfNoneIsGivenButDataAndNothing) {
  EXPECT_EQ(Found(InContent(R"({"image_url":"169.254.169.254/x"})")), "169.254.169.254/x;");
  EXPECT_EQ(Found(InContent(R"({"image_url":" file:///etc/passwd"})")), " file:///etc/passwd;");
  EXPECT_EQ(Found(InContent(R"({"file":{"file_data":"S3://b/k"}})")), "S3://b/k;");
  EXPECT_EQ(Found(InContent(R"({"image_url":"DATA:image/png;base64,AA"})")), "");
  EXPECT_EQ(Found(InContent(R"({"image_url":null})")), "");
  EXPECT_EQ(Found(InContent(R"({"source":{"type":"base64","data":"//uQxAAA"}})")), "");
  EXPECT_EQ(Found(InContent(R"({"input_audio":{"data":"UklGR","format":"wav"}})")), "");
}

TEST(FetchedUrlsTest, WhatTheAgentsOwnToolsAreCalledWithIsText) {
  for (const char* part :
       {R"({"type":"tool_use","id":"t","name":"f","input":{"image_url":"http://x.test/",)"
        R"("server_url":"http://x.test/","source":{"url":"http://x.test/"}}})",
        R"({"type":"tool_result","tool_use_id":"t","content":"http://x.test/"})",
        R"({"type":"text","text":"http://x.test/"})"}) {
    EXPECT_EQ(Found(InContent(part)), "") << part;
  }
  for (const char* text :
       {R"({"tools":[{"name":"f","input_schema":{"properties":{"image_url":{"type":"string",)"
        R"("example_url":"http://x.test/"}}}}]})",
        R"({"tools":[{"type":"function","function":{"name":"f","parameters":{"base_url":"h:"}}}]})",
        R"({"tools":[{"type":"function","name":"f","parameters":{"image_url":"http://x"}}]})",
        R"({"response_format":{"json_schema":{"schema":{"url":"http://x.test/"}}}})",
        R"({"input":[{"type":"function_call","arguments":"{\"url\":\"http://x.test/\"}"}]})",
        R"({"input":"http://x.test/","metadata":{"url":"http://x.test/"}})"}) {
    EXPECT_EQ(Found(text), "") << text;
  }
}

TEST(FetchedUrlsTest, WhereAHostedToolHasBeenIsNotFetchedAgain) {
  for (const char* text :
       {R"({"input":[{"type":"web_search_call","action":{"type":"open_page","url":"https://x"}}]})",
        R"({"input":[{"action":{"type":"search","sources":[{"type":"url","url":"https://x"}]}}]})",
        R"({"input":[{"content":[{"annotations":[{"type":"url_citation","url":"https://x"}]}]}]})",
        R"({"messages":[{"annotations":[{"url_citation":{"url":"https://x"}}]}]})",
        R"({"messages":[{"content":[{"type":"text","citations":[{"url":"https://x"}]}]}]})",
        R"({"messages":[{"content":[{"type":"web_search_tool_result","content":[)"
        R"({"type":"web_search_result","url":"https://x"}]}]}]})",
        R"({"input":[{"type":"code_interpreter_call","outputs":[{"type":"image","url":"h:"}]}]})",
        R"({"messages":[{"content":[{"type":"server_tool_use","input":{"url":"https://x"}}]}]})",
        R"({"input":[{"type":"computer_call_output","current_url":"https://x"}]})"}) {
    EXPECT_EQ(Found(text), "") << text;
  }
}

}  // namespace
}  // namespace cove::bridge
