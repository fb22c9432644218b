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
constexpr size_t kOpaqueBytesMin = 20;  // what is given to a name like "key"
constexpr size_t kAwsSecretBytes = 40;  // of which '/' may be a part

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

bool IsRandom(std::string_view word, size_t digits_min = 2) {
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
  return upper >= 3 && lower >= 3 && digits >= digits_min && changes * 3 >= word.size();
}

bool EndsWithAny(std::string_view name, std::initializer_list<std::string_view> ends) {
  const std::string lower = ToLower(name);
  return std::any_of(ends.begin(), ends.end(),
                     [&](std::string_view end) { return lower.ends_with(end); });
}

// Whether a name, as it stands before '=' or ':', says that a secret follows.
bool NamesSecret(std::string_view name) {
  return EndsWithAny(
      name, {"password",   "passwd",     "passphrase",  "_pass",      "-pass",        "secret",
             "token",      "api_key",    "apikey",      "api-key",    "access_key",   "access-key",
             "accesskey",  "accountkey", "account_key", "secret_key", "secretkey",    "private_key",
             "privatekey", "credential", "credentials", "pwd",        "authorization"});
}

// Or that one may follow.
bool NamesKey(std::string_view name) { return EndsWithAny(name, {"key", "sig", "signature"}); }

// A value that is nothing to read: letters and digits without any word for people.
bool IsOpaque(std::string_view value) {
  const auto digits = std::count_if(value.begin(), value.end(), IsDigit);
  return value.size() >= kOpaqueBytesMin && digits >= 4 &&
         digits != static_cast<std::ptrdiff_t>(value.size());
}

bool IsNumber(std::string_view text) { return std::all_of(text.begin(), text.end(), IsDigit); }

bool IsSecret(std::string_view word) { return IsMade(word) || IsJwt(word) || IsRandom(word); }

class Redactor {
 public:
  explicit Redactor(std::string_view text) : text_(text) {}

  std::string Run() {
    while (at_ < text_.size()) {
      if (!PrivateKey() && !UrlPassword() && !AwsSecret() && !Word()) out_ += text_[at_++];
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

  // It stands by itself: as a part of a longer path or word it is none.
  bool AwsSecret() {
    const auto in = [](char c) {
      return IsUpper(c) || IsLower(c) || IsDigit(c) || c == '/' || c == '+';
    };
    if (at_ != 0 && (in(text_[at_ - 1]) || IsWord(text_[at_ - 1]))) return false;
    size_t end = at_;
    while (end < text_.size() && in(text_[end])) ++end;
    if (end - at_ != kAwsSecretBytes) return false;
    const size_t next = end < text_.size() && text_[end] == '.' ? end + 1 : end;
    if (next < text_.size() && IsWord(text_[next])) return false;
    if (!IsRandom(text_.substr(at_, kAwsSecretBytes), 1)) return false;
    out_ += kRedacted;
    at_ = end;
    return true;
  }

  bool Word() {
    size_t end = at_;
    while (end < text_.size() && IsWord(text_[end])) ++end;
    if (end == at_) return false;
    const std::string_view word = text_.substr(at_, end - at_);
    const size_t after = word.find('=') + 1;  // 0: it has none
    if (after > 1) {
      // name=value: the value may go on behind what a word is made of.
      const size_t value = Quote(at_ + after);
      if (Value(word.substr(0, after - 1), value, Kind::kNamed)) return true;
    }
    const std::string_view last = word.substr(after);
    at_ = end;
    if (IsSecret(word)) {
      out_ += kRedacted;
    } else if (after != 0 && IsSecret(last)) {
      out_.append(word.substr(0, after)).append(kRedacted);
    } else {
      out_ += word;
      AfterName(last);
    }
    return true;
  }

  // name: "value", name = value, --name value, Bearer value, -u name:value, Cookie: a=b.
  void AfterName(std::string_view name) {
    if (EqualsIgnoreCase(name, "bearer") || EqualsIgnoreCase(name, "basic")) {
      (void)Value(name, Blanks(at_), Kind::kScheme);
      return;
    }
    size_t at = Quote(at_);
    at = Blanks(at);
    const size_t signs = at;
    while (at < text_.size() && IsSign(text_[at])) ++at;
    if (at != signs) {
      const size_t value = Quote(Blanks(at));
      (void)(EndsWithAny(name, {"cookie"}) ? Cookie(value) : Value(name, value, Kind::kNamed));
    } else if (name == "-u" || name == "-U" || name == "--user" || name == "--proxy-user") {
      UserPassword(Quote(Blanks(at_)));
    } else if (name.starts_with("--") && Blanks(at_) != at_) {
      (void)Value(name, Quote(Blanks(at_)), Kind::kOption);
    }
  }

  enum class Kind { kNamed, kScheme, kOption };
  // Takes out the value that begins at `from`, if it is a secret.
  bool Value(std::string_view name, size_t from, Kind kind) {
    const size_t end = EndOfValue(from);
    const std::string_view value = text_.substr(from, end - from);
    const bool known = kind == Kind::kScheme || NamesSecret(name);
    if (!known && !(NamesKey(name) && IsOpaque(value))) return false;
    // What follows is a name itself, not the secret: "Authorization: Bearer x", "$TOKEN".
    if (value.empty() || value.starts_with('$')) return false;
    if (kind == Kind::kOption ? value.starts_with('-') : value.size() < kNamedBytesMin)
      return false;
    const std::string_view first = value.substr(0, value.find(' '));
    if (EqualsIgnoreCase(first, "bearer") || EqualsIgnoreCase(first, "basic")) return false;
    if (kind == Kind::kScheme && !HasDigit(value)) return false;
    TakeOut(from, end);
    return true;
  }

  // To the end of the field; what has no '=' is no cookie.
  bool Cookie(size_t from) {
    const size_t end = std::min(text_.find_first_of("\r\n\"'\\", from), text_.size());
    if (text_.substr(from, end - from).find('=') == std::string_view::npos) return false;
    TakeOut(from, end);
    return true;
  }

  void UserPassword(size_t from) {
    const size_t end = std::min(text_.find_first_of(" \t\r\n\"'\\", from), text_.size());
    const std::string_view both = text_.substr(from, end - from);
    const size_t colon = both.find(':');
    if (colon == both.npos || colon == 0 || colon + 1 == both.size()) return;
    const std::string_view password = both.substr(colon + 1);
    // "docker run -u 1000:1000"; a URL.
    if (IsNumber(password) && IsNumber(both.substr(0, colon))) return;
    if (password.starts_with("//") || password.starts_with('$')) return;
    TakeOut(from + colon + 1, end);
  }

  void TakeOut(size_t from, size_t end) {
    out_.append(text_.substr(at_, from - at_)).append(kRedacted);
    at_ = end;
  }

  size_t Blanks(size_t at) const {
    while (at < text_.size() && IsBlank(text_[at])) ++at;
    return at;
  }
  // Behind a quote, with the backslashes that JSON in JSON puts before it; or `at`.
  size_t Quote(size_t at) const {
    const size_t end = std::min(text_.find_first_not_of('\\', at), text_.size());
    return end < text_.size() && IsQuote(text_[end]) ? end + 1 : at;
  }

  // Behind an opening quote to the one that closes it: with as many backslashes. An inner one has
  // more of them.
  size_t EndOfValue(size_t from) const {
    const size_t bare = EndOfBareValue(from);
    if (from == 0 || !IsQuote(text_[from - 1])) return bare;
    const char quote = text_[from - 1];
    const size_t depth = BackslashesBefore(from - 1);
    for (size_t at = from; at < text_.size() && text_[at] != '\n'; ++at) {
      if (text_[at] != quote) continue;
      const size_t slashes = std::min(BackslashesBefore(at), at - from);
      if (slashes <= depth) return at - slashes;
    }
    return bare;
  }
  size_t EndOfBareValue(size_t at) const {
    while (at < text_.size() && (IsWord(text_[at]) || IsInValue(text_[at]))) ++at;
    return at;
  }
  size_t BackslashesBefore(size_t at) const {
    size_t n = 0;
    while (n < at && text_[at - n - 1] == '\\') ++n;
    return n;
  }

  static bool IsQuote(char c) { return c == '"' || c == '\''; }
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
