// Goal: the chunk that the gateway asked for does not reach a client that did not ask, in any form
// that servers give it, and every other byte does. Method: streams with that chunk at each place,
// with each kind of line end, cut at every byte.
#include "bridge/usage_chunk.h"

#include <gtest/gtest.h>

namespace cove::bridge {
namespace {

std::string Pass(std::string_view text, size_t cut) {
  UsageChunkFilter filter;
  std::string out(filter.Feed(text.substr(0, cut)));
  out += filter.Feed(text.substr(cut));
  out += filter.Finish();
  return out;
}

std::string WithLineEnds(std::string text, const std::string& end) {
  for (size_t at = 0; (at = text.find('\n', at)) != text.npos; at += end.size()) {
    text.replace(at, 1, end);
  }
  return text;
}

constexpr const char* kBefore = ": c\n\ndata: {\"choices\":[{}]}\n\n";
constexpr const char* kUsage = "data: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\n";
constexpr const char* kAfter = "data: [DONE]\n\n";

TEST(UsageChunkTest, NothingElseIsLostWhereverTheStreamIsCut) {
  for (const char* end : {"\n", "\r\n", "\r"}) {
    const std::string before = WithLineEnds(kBefore, end);
    const std::string after = WithLineEnds(kAfter, end);
    const std::string all = before + WithLineEnds(kUsage, end) + after;
    for (size_t cut = 0; cut <= all.size(); ++cut) {
      ASSERT_EQ(Pass(all, cut), before + after) << cut;
    }
  }
}

TEST(UsageChunkTest, TheChunkIsKnownInEveryForm) {
  const std::string filler(200'000, 'x');
  for (const std::string& chunk :
       {std::string(R"({"choices":null,"usage":{"total_tokens":3}})"),
        std::string(R"({"usage":{"total_tokens":3},"id":"c"})"),
        R"({"choices":[],"usage":{"total_tokens":3},"x":")" + filler + "\"}"}) {
    const std::string all = kBefore + ("data: " + chunk) + "\n\n" + kAfter;
    for (const size_t cut : {size_t{0}, size_t{40}, all.size() - 16, all.size()}) {
      EXPECT_EQ(Pass(all, cut), std::string(kBefore) + kAfter) << chunk.substr(0, 60);
    }
    for (const char* end : {"", "\n", "\r"}) {
      EXPECT_EQ(Pass(kBefore + ("data: " + chunk) + end, 50), kBefore) << chunk.substr(0, 60);
    }
  }
}

TEST(UsageChunkTest, WhatOnlyResemblesItPasses) {
  for (const std::string& text :
       {std::string("data: {\"choices\":[{}],\"usage\":{}}\n\n"),
        std::string("data: {\"choices\":[],\"usage\":null}\n\n"),
        std::string("data: {\"choices\":[],\"usage\":{}"), std::string("data: {\"usage\":3}"),
        "data: {\"usage\":{},\"x\":\"" + std::string(UsageChunkFilter::kEventBytesMax, 'x') +
            "\"}\n\ndata: x\n\n"}) {
    EXPECT_EQ(Pass(text, 10), text) << text.substr(0, 60);
  }
}

}  // namespace
}  // namespace cove::bridge
