#include "json/json.h"

#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <unordered_set>
#include <vector>

namespace cove::json {
namespace {

using ErrorCode = boost::json::error_code;
using Text = boost::json::string_view;

// Builds a value. It counts keys: of one that an object has twice the library keeps only the last,
// while another program may believe the first. And it counts values, and stops at too many: one of
// a byte or two takes dozens in memory.
struct Builder {
  static constexpr size_t max_object_size = Object::max_size();
  static constexpr size_t max_array_size = Array::max_size();
  static constexpr size_t max_key_size = boost::json::string::max_size();
  static constexpr size_t max_string_size = boost::json::string::max_size();

  boost::json::value_stack stack;
  size_t keys = 0;
  size_t values = 0;

  bool too_many() const { return values > kValuesMax; }
  bool Count(ErrorCode& error) {
    ++values;
    if (too_many()) error = boost::json::make_error_code(boost::json::error::array_too_large);
    return !too_many();
  }

  bool on_document_begin(ErrorCode& /*error*/) {
    stack.reset();
    return true;
  }
  static bool on_document_end(ErrorCode& /*error*/) { return true; }
  bool on_object_begin(ErrorCode& error) { return Count(error); }
  bool on_object_end(size_t n, ErrorCode& /*error*/) {
    stack.push_object(n);
    return true;
  }
  bool on_array_begin(ErrorCode& error) { return Count(error); }
  bool on_array_end(size_t n, ErrorCode& /*error*/) {
    stack.push_array(n);
    return true;
  }
  bool on_key_part(Text text, size_t /*all*/, ErrorCode& /*error*/) {
    stack.push_chars(text);
    return true;
  }
  bool on_key(Text text, size_t /*all*/, ErrorCode& /*error*/) {
    stack.push_key(text);
    ++keys;
    return true;
  }
  bool on_string_part(Text text, size_t /*all*/, ErrorCode& /*error*/) {
    stack.push_chars(text);
    return true;
  }
  bool on_string(Text text, size_t /*all*/, ErrorCode& error) {
    stack.push_string(text);
    return Count(error);
  }
  static bool on_number_part(Text /*text*/, ErrorCode& /*error*/) { return true; }
  bool on_int64(int64_t number, Text /*text*/, ErrorCode& error) {
    stack.push_int64(number);
    return Count(error);
  }
  bool on_uint64(uint64_t number, Text /*text*/, ErrorCode& error) {
    stack.push_uint64(number);
    return Count(error);
  }
  bool on_double(double number, Text /*text*/, ErrorCode& error) {
    stack.push_double(number);
    return Count(error);
  }
  bool on_bool(bool flag, ErrorCode& error) {
    stack.push_bool(flag);
    return Count(error);
  }
  bool on_null(ErrorCode& error) {
    stack.push_null();
    return Count(error);
  }
  static bool on_comment_part(Text /*text*/, ErrorCode& /*error*/) { return true; }
  static bool on_comment(Text /*text*/, ErrorCode& /*error*/) { return true; }
};

// Stops at the first key that its object has already.
struct TwiceFinder {
  static constexpr size_t max_object_size = Object::max_size();
  static constexpr size_t max_array_size = Array::max_size();
  static constexpr size_t max_key_size = boost::json::string::max_size();
  static constexpr size_t max_string_size = boost::json::string::max_size();

  std::vector<std::unordered_set<std::string>> objects;
  std::string key;

  bool on_document_begin(ErrorCode& /*error*/) {
    objects.clear();
    return true;
  }
  static bool on_document_end(ErrorCode& /*error*/) { return true; }
  bool on_object_begin(ErrorCode& /*error*/) {
    objects.emplace_back();
    return true;
  }
  bool on_object_end(size_t /*n*/, ErrorCode& /*error*/) {
    objects.pop_back();
    return true;
  }
  static bool on_array_begin(ErrorCode& /*error*/) { return true; }
  static bool on_array_end(size_t /*n*/, ErrorCode& /*error*/) { return true; }
  bool on_key_part(Text text, size_t /*all*/, ErrorCode& /*error*/) {
    key.append(text.data(), text.size());
    return true;
  }
  bool on_key(Text text, size_t /*all*/, ErrorCode& error) {
    key.append(text.data(), text.size());
    if (!objects.back().insert(key).second) {
      error = boost::json::make_error_code(boost::json::error::extra_data);
      return false;
    }
    key.clear();
    return true;
  }
  static bool on_string_part(Text /*text*/, size_t /*all*/, ErrorCode& /*error*/) { return true; }
  static bool on_string(Text /*text*/, size_t /*all*/, ErrorCode& /*error*/) { return true; }
  static bool on_number_part(Text /*text*/, ErrorCode& /*error*/) { return true; }
  static bool on_int64(int64_t /*number*/, Text /*text*/, ErrorCode& /*error*/) { return true; }
  static bool on_uint64(uint64_t /*number*/, Text /*text*/, ErrorCode& /*error*/) { return true; }
  static bool on_double(double /*number*/, Text /*text*/, ErrorCode& /*error*/) { return true; }
  static bool on_bool(bool /*flag*/, ErrorCode& /*error*/) { return true; }
  static bool on_null(ErrorCode& /*error*/) { return true; }
  static bool on_comment_part(Text /*text*/, ErrorCode& /*error*/) { return true; }
  static bool on_comment(Text /*text*/, ErrorCode& /*error*/) { return true; }
};

// `text` has been read before, and has one.
Error KeyTwice(std::string_view text, const boost::json::parse_options& options) {
  constexpr size_t kKeyShown = 60;
  boost::json::basic_parser<TwiceFinder> parser(options);
  ErrorCode error;
  const size_t used = parser.write_some(true, text.data(), text.size(), error);
  return {Code::kInvalid,
          "an object of the JSON value has a key twice, which may be there once: '" +
              parser.handler().key.substr(0, kKeyShown) + "', again up to byte " +
              std::to_string(used)};
}

// Not deeper than the parser lets a value be.
size_t CountKeys(const Value& value) {  // NOLINT(misc-no-recursion)
  size_t count = 0;
  if (const Object* object = value.if_object()) {
    count = object->size();
    for (const auto& item : *object) count += CountKeys(item.value());
  } else if (const Array* array = value.if_array()) {
    for (const Value& item : *array) count += CountKeys(item);
  }
  return count;
}

}  // namespace

Result<Value> Parse(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 64;
  boost::json::basic_parser<Builder> parser(options);
  ErrorCode error;
  const size_t used = parser.write_some(true, text.data(), text.size(), error);
  if (!error && used != text.size()) {
    return Error(Code::kInvalid, "text follows the JSON value at byte " + std::to_string(used));
  }
  if (!error) parser.write_some(false, nullptr, 0, error);
  if (parser.handler().too_many()) {
    return Error(Code::kTooLarge,
                 "the JSON text has more than " + std::to_string(kValuesMax) + " values");
  }
  if (error) {
    return Error(Code::kInvalid,
                 "broken JSON at byte " + std::to_string(used) + ": " + error.message());
  }
  Value value = parser.handler().stack.release();
  if (CountKeys(value) != parser.handler().keys) {
    return KeyTwice(text, options);
  }
  return value;
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
