#include "box/credentials.h"

#include <optional>

#include "json/json.h"

namespace cove::box {
namespace {

// Codex takes any key that is there; the gateway drops it and adds the real one.
constexpr char kPlaceholder[] = "added-by-the-gateway-outside";

std::optional<std::string> DecodeBase64Url(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int have = 0;
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (const char c : text) {
    if (c == '=') break;
    const size_t value = kDigits.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6 | static_cast<uint32_t>(value)) & 0xFFFFFF;
    have += 6;
    if (have >= 8) {
      have -= 8;
      out += static_cast<char>(bits >> have & 0xFF);
    }
  }
  return out;
}

// When a JSON web token ends (RFC 7519), if it says so.
std::optional<int64_t> EndOf(std::string_view token) {
  const size_t first = token.find('.');
  const size_t second = token.find('.', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto claims = DecodeBase64Url(token.substr(first + 1, second - first - 1));
  if (!claims) return std::nullopt;
  const auto object = json::ParseObject(*claims);
  if (!object) return std::nullopt;
  return json::GetInt(*object, "exp");
}

}  // namespace

Result<Credentials> ReadCredentials(const std::string& text, int64_t now) {
  const auto auth = json::ParseObject(text);
  if (!auth) return Error(Code::kInvalid, "it is no JSON object");
  Credentials out;
  out.inside = json::Write(json::Object{{"OPENAI_API_KEY", kPlaceholder}});
  out.secret = json::GetString(*auth, "OPENAI_API_KEY").value_or("");
  if (!out.secret.empty()) return out;
  const json::Object* tokens = json::GetObject(*auth, "tokens");
  if (tokens == nullptr) {
    return Error(Code::kInvalid, "it has neither OPENAI_API_KEY nor tokens; log in again");
  }
  out.secret = json::GetString(*tokens, "access_token").value_or("");
  out.account = json::GetString(*tokens, "account_id").value_or("");
  if (out.secret.empty() || out.account.empty()) {
    return Error(Code::kInvalid, "its tokens have no access_token or account_id; log in again");
  }
  const auto end = EndOf(out.secret);
  out.expired = end && *end <= now;
  return out;
}

}  // namespace cove::box
