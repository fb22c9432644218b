#include "log/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <iterator>

#include "base/clock.h"

namespace cove::log {
namespace {

std::atomic<Level> threshold{Level::kInfo};
char program_name[16] = "cove";

std::string_view LevelName(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warn";
    case Level::kError:
      return "error";
  }
  return "error";
}

void AppendQuoted(fmt::memory_buffer& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

}  // namespace

std::optional<Level> ParseLevel(std::string_view name) {
  for (const Level level : {Level::kDebug, Level::kInfo, Level::kWarn, Level::kError}) {
    if (LevelName(level) == name) return level;
  }
  return std::nullopt;
}

void Configure(std::string_view program, Level level) {
  const size_t n = program.copy(program_name, sizeof program_name - 1);
  program_name[n] = '\0';
  threshold = level;
}

std::string Format(Level level, std::string_view event, Fields fields) {
  fmt::memory_buffer out;
  fmt::format_to(std::back_inserter(out), R"({{"time":"{}","level":"{}","program":"{}","event":)",
                 FormatIso(WallNow()), LevelName(level), program_name);
  AppendQuoted(out, event);
  for (const Field& f : fields) {
    out.push_back(',');
    AppendQuoted(out, f.key);
    out.push_back(':');
    if (const auto* s = std::get_if<std::string_view>(&f.value)) {
      AppendQuoted(out, *s);
    } else if (const auto* i = std::get_if<int64_t>(&f.value)) {
      fmt::format_to(std::back_inserter(out), "{}", *i);
    } else if (const auto* d = std::get_if<double>(&f.value)) {
      fmt::format_to(std::back_inserter(out), "{}", *d);
    } else {
      fmt::format_to(std::back_inserter(out), "{}", std::get<bool>(f.value));
    }
  }
  out.push_back('}');
  out.push_back('\n');
  return fmt::to_string(out);
}

void Write(Level level, std::string_view event, Fields fields) {
  if (level < threshold.load(std::memory_order_relaxed)) return;
  const std::string line = Format(level, event, fields);
  // One write a line: lines of several processes do not mix. A full pipe loses the line, not us.
  (void)!write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace cove::log
