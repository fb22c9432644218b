// Spans and times as people type them. Pure functions but for the clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace cove::cli {

// "90s", "10m", "2h", "7d" in seconds; nothing for anything else.
std::optional<int64_t> SpanSeconds(const std::string& text);

// A span means so long ago; anything else is a time for the server to read.
std::string TimeOption(const std::string& text);

}  // namespace cove::cli
