// JSON values: parse, look into, write. The library behind it is Boost.JSON; nothing else of it
// may be used outside this room. Parsing is strict: RFC 8259, no key twice, at most 64 levels and
// kValuesMax values: a short text, compressed even more so, could otherwise take memory without
// end. Thread: values.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cove::json {

using Value = boost::json::value;
using Object = boost::json::object;
using Array = boost::json::array;

// Objects, lists and what stands in them. An agent's longest request has some ten thousands.
inline constexpr size_t kValuesMax = 500'000;

// kInvalid with the position of what is wrong; kTooLarge: it has too many values.
Result<Value> Parse(std::string_view text);
// The same, and it must be an object.
Result<Object> ParseObject(std::string_view text);
std::string Write(const Value& value);

// Look-ups that do not fail: nothing where the key is absent, null or of another type.
const Value* Find(const Object& object, std::string_view key);
std::optional<std::string> GetString(const Object& object, std::string_view key);
std::optional<int64_t> GetInt(const Object& object, std::string_view key);
std::optional<double> GetNumber(const Object& object, std::string_view key);
std::optional<bool> GetBool(const Object& object, std::string_view key);
const Object* GetObject(const Object& object, std::string_view key);
const Array* GetArray(const Object& object, std::string_view key);

}  // namespace cove::json
