#include "bridge/redact.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace cove::bridge {

namespace {

// How keys of well-known makers begin, and how long they are at least with it.
struct Maker {
  std::string_view prefix;
  size_t bytes_min;
};
constexpr std::array<Maker, 24> kMakers = {{
    {"sk-", 20},    {"sk_live_", 20}, {"sk_test_", 20}, {"rk_live_", 20}, {"ghp_", 20},
    {"gho_", 20},   {"ghu_", 20},     {"ghs_", 20},     {"ghr_", 20},     {"github_pat_", 30},
    {"glpat-", 20}, {"xoxb-", 20},    {"xoxp-", 20},    {"xoxa-", 20},    {"xapp-", 20},
    {"AKIA", 20},   {"ASIA", 20},     {"AIza", 30},     {"ya29.", 20},    {"npm_", 30},
    {"pypi-", 30},  {"hf_", 30},      {"dop_v1_", 30},  {"SG.", 30},
}};

constexpr size_t kRandomBytesMin = 32;  // a word this long that mixes its characters is random
constexpr size_t kNamedBytesMin = 6;    // what is given to a name like "password"

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWord(char c) {
  return IsUpper(c) || IsLower(c) || IsDigit(c) || c == '_' || c == '-' || c == '.' || c == '+' ||
         c == '=' || c == '~';
}
bool IsBlank(char c) { return c == ' ' || c == '\t'; }

bool IsMade(std::string_view word) {
  return std::any_of(kMakers.begin(), kMakers.end(), [&](const Maker& maker) {
    return word.size() >= maker.bytes_min && word.starts_with(maker.prefix);
  });
}

bool IsJwt(std::string_view word) {
  return word.starts_with("eyJ") && word.size() > 30 && word.find('.') != std::string_view::npos;
}

bool IsRandom(std::string_view word) {
  if (word.size() < kRandomBytesMin) return false;
  size_t upper = 0;
  size_t lower = 0;
  size_t digits = 0;
  size_t changes = 0;
  int last = 0;
  for (const char c : word) {
    const int kind = IsUpper(c) ? 1 : IsLower(c) ? 2 : IsDigit(c) ? 3 : 4;
    upper += kind == 1;
    lower += kind == 2;
    digits += kind == 3;
    changes += kind != last;
    last = kind;
  }
  // Names in code change rarely within themselves; random words at every second character.
  return upper >= 3 && lower >= 3 && digits >= 2 && changes * 3 >= word.size();
}

// Whether a name, as it stands before '=' or ':', says that a secret follows.
bool NamesSecret(std::string_view name) {
  const std::string lower = ToLower(name);
  for (const std::string_view end :
       {"password", "passwd", "secret", "token", "api_key", "apikey", "api-key", "access_key",
        "private_key", "credential", "credentials", "pwd", "authorization", "x-api-key"}) {
    if (lower.ends_with(end)) return true;
  }
  return false;
}

class Redactor {
 public:
  explicit Redactor(std::string_view text) : text_(text) {}

  std::string Run() {
    while (at_ < text_.size()) {
      if (!PrivateKey() && !UrlPassword() && !Word()) out_ += text_[at_++];
    }
    return std::move(out_);
  }

 private:
  bool PrivateKey() {
    constexpr std::string_view kBegin = "-----BEGIN ";
    constexpr std::string_view kEnd = "-----END ";
    if (!text_.substr(at_).starts_with(kBegin)) return false;
    const size_t line = text_.find("-----", at_ + kBegin.size());
    if (line == std::string_view::npos ||
        text_.substr(at_, line - at_).find("PRIVATE KEY") == std::string_view::npos) {
      return false;
    }
    out_ += kRedacted;
    const size_t end = text_.find(kEnd, line);
    const size_t close =
        end == std::string_view::npos ? end : text_.find("-----", end + kEnd.size());
    at_ = close == std::string_view::npos ? text_.size() : close + 5;
    return true;
  }

  // "://user:password@host": only the password goes.
  bool UrlPassword() {
    if (!text_.substr(at_).starts_with("://")) return false;
    const size_t end = text_.find_first_of("/?# \t\r\n\"'<>\\", at_ + 3);
    const std::string_view authority =
        text_.substr(at_ + 3, end == text_.npos ? end : end - at_ - 3);
    const size_t at = authority.rfind('@');
    const size_t colon = authority.find(':');
    if (at == authority.npos || colon >= at) return false;
    out_.append("://").append(authority.substr(0, colon + 1)).append(kRedacted);
    at_ += 3 + at;
    return true;
  }

  bool Word() {
    size_t end = at_;
    while (end < text_.size() && IsWord(text_[end])) ++end;
    if (end == at_) return false;
    const std::string_view word = text_.substr(at_, end - at_);
    at_ = end;
    const bool secret = IsMade(word) || IsJwt(word) || IsRandom(word);
    out_ += secret ? kRedacted : word;
    if (!secret) AfterName(word);
    return true;
  }

  // name = value, name: "value", Bearer value; with the quotes that JSON in JSON puts there.
  void AfterName(std::string_view name) {
    const size_t equals = name.find('=');
    if (equals != name.npos && equals + kNamedBytesMin < name.size() &&
        NamesSecret(name.substr(0, equals))) {
      out_.resize(out_.size() - (name.size() - equals - 1));
      out_ += kRedacted;
      return;
    }
    const bool scheme = EqualsIgnoreCase(name, "bearer") || EqualsIgnoreCase(name, "basic");
    const bool open = equals != name.npos && equals + 1 == name.size();
    if (!scheme && !NamesSecret(open ? name.substr(0, equals) : name)) return;
    size_t at = at_;
    bool sign = open;
    while (at < text_.size() && (IsBlank(text_[at]) || IsQuote(text_[at]) || IsSign(text_[at]))) {
      sign = sign || IsSign(text_[at]);
      ++at;
    }
    if (at == at_ && !open) return;
    if (!scheme && !sign) return;
    size_t end = at;
    while (end < text_.size() && (IsWord(text_[end]) || IsInValue(text_[end]))) ++end;
    const std::string_view value = text_.substr(at, end - at);
    // What follows is a name itself, not the secret: "Authorization: Bearer x", "$TOKEN".
    if (value.size() < kNamedBytesMin || value.starts_with('$')) return;
    if (EqualsIgnoreCase(value, "bearer") || EqualsIgnoreCase(value, "basic")) return;
    if (scheme && !HasDigit(value)) return;
    out_.append(text_.substr(at_, at - at_)).append(kRedacted);
    at_ = end;
  }

  static bool IsQuote(char c) { return c == '"' || c == '\'' || c == '\\'; }
  static bool IsSign(char c) { return c == ':' || c == '='; }
  static bool IsInValue(char c) {
    return c == '/' || c == '!' || c == '@' || c == '#' || c == '%' || c == '^' || c == '*' ||
           c == '$';
  }
  static bool HasDigit(std::string_view word) {
    return std::any_of(word.begin(), word.end(), IsDigit);
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string Redact(std::string_view text) { return Redactor(text).Run(); }

}  // namespace cove::bridge
