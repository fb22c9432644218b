// Goal: whatever form a provider gives it in, the time to wait is understood, and what is no time
// is not taken for one. Method: heads of answers in, durations out.
#include "bridge/retry_after.h"

#include <gtest/gtest.h>

namespace cove::bridge {
namespace {

const WallTime kNow = *ParseIso("2026-11-22T02:00:00Z");

// In milliseconds; -1: nothing.
int64_t Wait(const http::Headers& headers) {
  http::ResponseHead head;
  head.headers = headers;
  const auto wait = RetryAfter(head, kNow);
  return wait ? std::chrono::duration_cast<milliseconds>(*wait).count() : -1;
}

TEST(RetryAfterTest, EveryFormIsUnderstood) {
  for (const auto& [text, want] : std::initializer_list<std::pair<const char*, int64_t>>{
           {"7", 7000},
           {" 0 ", 0},
           {"3.5", 3500},
           {"Sun, 22 Nov 2026 02:00:04 GMT", 4000},
           {"Sunday, 22-Nov-26 02:00:04 GMT", 4000},
           {"Sun Nov 22 02:00:04 2026", 4000},
           {"Sun, 22 Nov 2026 01:00:00 GMT", 0},
           {"99999999999999999999", 24 * 3600 * 1000},
           {"Wed, 22 Nov 2226 01:00:00 GMT", 24 * 3600 * 1000}}) {
    EXPECT_EQ(Wait({{"Retry-After", text}}), want) << text;
  }
  EXPECT_EQ(Wait({{"retry-after-ms", "1500.5"}, {"retry-after", "7"}}), 1500);
  EXPECT_EQ(Wait({{"retry-after-ms", "x"}, {"retry-after", "7"}}), 7000);
}

TEST(RetryAfterTest, ADateIsReckonedByTheProvidersClock) {
  EXPECT_EQ(Wait({{"Retry-After", "Sat, 21 Nov 2026 10:00:03 GMT"},
                  {"Date", "Sat, 21 Nov 2026 10:00:00 GMT"}}),
            3000);
}

TEST(RetryAfterTest, WhatIsNoTimeIsNone) {
  EXPECT_EQ(Wait({}), -1);
  for (const char* text : {"", "soon", "-1", "1e3", "3.5s", "nan", "inf", "0x10", "2026-11-22",
                           "Sun, 22 Nov 2026 02:00:04 GMT+1", "Sun, 22 Nov 2026"}) {
    EXPECT_EQ(Wait({{"Retry-After", text}}), -1) << text;
  }
}

}  // namespace
}  // namespace cove::bridge
