#include "json/json.h"

#include <boost/json.hpp>

namespace cove::json {

Result<Value> Parse(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 64;
  boost::json::stream_parser parser({}, options);
  boost::json::error_code error;
  const size_t used = parser.write_some(text.data(), text.size(), error);
  if (!error && used != text.size()) {
    return Error(Code::kInvalid, "text follows the JSON value at byte " + std::to_string(used));
  }
  if (!error) parser.finish(error);
  if (error) {
    return Error(Code::kInvalid,
                 "broken JSON at byte " + std::to_string(used) + ": " + error.message());
  }
  return parser.release();
}

Result<Object> ParseObject(std::string_view text) {
  ASSIGN_OR_RETURN(Value value, Parse(text));
  if (!value.is_object()) return Error(Code::kInvalid, "the JSON value must be an object");
  return std::move(value.as_object());
}

std::string Write(const Value& value) { return boost::json::serialize(value); }

const Value* Find(const Object& object, std::string_view key) { return object.if_contains(key); }

std::optional<std::string> GetString(const Object& object, std::string_view key) {
  const Value* v = Find(object, key);
  if (v == nullptr || !v->is_string()) return std::nullopt;
  return std::string(v->as_string());
}

std::optional<int64_t> GetInt(const Object& object, std::string_view key) {
  const Value* v = Find(object, key);
  if (v == nullptr) return std::nullopt;
  if (v->is_int64()) return v->as_int64();
  if (v->is_double()) {
    const double d = v->as_double();
    constexpr double kExact = 9007199254740992.0;  // 2^53
    if (d >= -kExact && d <= kExact && d == static_cast<double>(static_cast<int64_t>(d))) {
      return static_cast<int64_t>(d);
    }
  }
  return std::nullopt;
}

std::optional<double> GetNumber(const Object& object, std::string_view key) {
  const Value* v = Find(object, key);
  if (v == nullptr || !v->is_number()) return std::nullopt;
  return v->to_number<double>();
}

std::optional<bool> GetBool(const Object& object, std::string_view key) {
  const Value* v = Find(object, key);
  if (v == nullptr || !v->is_bool()) return std::nullopt;
  return v->as_bool();
}

const Object* GetObject(const Object& object, std::string_view key) {
  const Value* v = Find(object, key);
  return v == nullptr ? nullptr : v->if_object();
}

const Array* GetArray(const Object& object, std::string_view key) {
  const Value* v = Find(object, key);
  return v == nullptr ? nullptr : v->if_array();
}

}  // namespace cove::json
