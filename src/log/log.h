// The log: one JSON object a line on standard error or in a file, with time, level, event and
// fields. An event name is a fixed lower-case text ("box.started"); what varies goes into fields,
// escaped, so that nothing a sandbox says can forge a line. No secret is ever a field.
// Thread-safe.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace cove::log {

enum class Level { kDebug, kInfo, kWarn, kError };

// "debug", "info", "warn" or "error".
std::optional<Level> ParseLevel(std::string_view name);

struct Field {
  std::string_view key;
  std::variant<std::string_view, int64_t, double, bool> value;
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  template <class Int>
    requires std::is_integral_v<Int>
  Field(std::string_view k, Int v) : key(k), value(static_cast<int64_t>(v)) {}
};
using Fields = std::initializer_list<Field>;

// Lines below `level` are dropped. `program` stands in every line ("runner", "front").
void Configure(std::string_view program, Level level);
void Write(Level level, std::string_view event, Fields fields);

inline void Debug(std::string_view event, Fields fields = {}) {
  Write(Level::kDebug, event, fields);
}
inline void Info(std::string_view event, Fields fields = {}) { Write(Level::kInfo, event, fields); }
inline void Warn(std::string_view event, Fields fields = {}) { Write(Level::kWarn, event, fields); }
inline void Error(std::string_view event, Fields fields = {}) {
  Write(Level::kError, event, fields);
}

// The line without writing it: what Write() uses, and tests.
std::string Format(Level level, std::string_view event, Fields fields);

}  // namespace cove::log
