#include "bridge/request_hash.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>

#include "base/text.h"

namespace cove::bridge {
namespace {

// Who asks and under which label, not what is asked.
constexpr std::array<std::string_view, 5> kVolatile = {"prompt_cache_key", "client_metadata",
                                                       "metadata", "user", "safety_identifier"};

constexpr double kWholeMax = 9007199254740992.0;  // 2^53: above it doubles skip whole numbers

void FeedText(std::string_view text, std::string& out) {
  out += 's' + std::to_string(text.size()) + ':';
  out += text;
}

// A whole number as its digits, any other as the bits of the double: no two languages write those
// alike.
void FeedNumber(double number, std::string& out) {
  if (number == std::floor(number) && std::abs(number) <= kWholeMax) {
    out += 'i' + std::to_string(static_cast<int64_t>(number)) + ';';
    return;
  }
  const auto bits = std::bit_cast<uint64_t>(number);
  std::array<std::byte, 8> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(bits >> (56 - 8 * i));
  out += 'd' + ToHex(bytes) + ';';
}

void Feed(const json::Value& value, std::string& out);

void FeedObject(const json::Object& object, bool top, std::string& out) {
  std::map<std::string_view, const json::Value*> sorted;
  for (const auto& [key, field] : object) {
    const bool dropped =
        top && std::find(kVolatile.begin(), kVolatile.end(), key) != kVolatile.end();
    if (!dropped) sorted.emplace(key, &field);
  }
  out += '{';
  for (const auto& [key, field] : sorted) {
    FeedText(key, out);
    Feed(*field, out);
  }
  out += '}';
}

void Feed(const json::Value& value, std::string& out) {
  if (const auto* object = value.if_object()) {
    FeedObject(*object, false, out);
  } else if (const auto* list = value.if_array()) {
    out += '[';
    for (const json::Value& item : *list) Feed(item, out);
    out += ']';
  } else if (const auto* text = value.if_string()) {
    FeedText(*text, out);
  } else if (value.is_bool()) {
    out += value.as_bool() ? 't' : 'f';
  } else if (value.is_number()) {
    FeedNumber(value.to_number<double>(), out);
  } else {
    out += 'n';
  }
}

}  // namespace

std::string_view KindName(ProviderKind kind) {
  switch (kind) {
    case ProviderKind::kOpenAi:
      return "openai";
    case ProviderKind::kAnthropic:
      return "anthropic";
    case ProviderKind::kBedrock:
      return "bedrock";
  }
  return "unknown";
}

std::string RequestHash(ProviderKind kind, std::string_view method, std::string_view path,
                        std::string_view body) {
  std::string text(KindName(kind));
  text += ' ';
  text += method;
  text += ' ';
  text += path;
  text += '\n';
  if (const auto parsed = json::ParseObject(body)) {
    FeedObject(*parsed, true, text);
  } else {
    text += body;
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return ToHex(std::as_bytes(std::span(digest)));
}

}  // namespace cove::bridge
