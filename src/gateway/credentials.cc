#include "gateway/credentials.h"

#include <algorithm>

#include "base/text.h"
#include "codec/base64.h"
#include "codec/http1.h"
#include "gateway/name_list.h"
#include "gateway/ssh_key.h"
#include "gateway/ssh_wire.h"
#include "json/json.h"
#include "policy/judge.h"

namespace cove::gateway {
namespace {

using Kind = CredentialHeader::Kind;

constexpr std::string_view kAuthorization = "Authorization";

// An SSH key is for no request at all.
bool IsFor(const Credential& credential, const policy::Question& question) {
  if (credential.header.kind == Kind::kSsh) return false;
  return policy::Ask(credential.scope, question).kind == policy::Answer::Kind::kAllow;
}

// Whether some request to there may have it.
bool MayBeFor(const Credential& credential, std::string_view host, uint16_t port) {
  if (credential.header.kind == Kind::kSsh) return false;
  policy::Question question;
  question.host = host;
  question.port = port;
  return policy::Ask(credential.scope, question).kind != policy::Answer::Kind::kDeny;
}

// `left`: bytes that the text may grow by; 0 afterwards: it would have been more.
bool ReplaceAll(std::string& text, const std::string& from, const std::string& to, size_t* left) {
  const size_t growth = to.size() > from.size() ? to.size() - from.size() : 0;
  bool found = false;
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    if (growth >= *left) {
      *left = 0;
      return found;
    }
    *left -= growth;
    text.replace(at, from.size(), to);
    found = true;
  }
  return found;
}

std::string InJson(const std::string& value) {
  const std::string quoted = json::Write(json::Value(value));
  return quoted.substr(1, quoted.size() - 2);
}

std::string FieldName(const CredentialHeader& header) {
  return header.kind == Kind::kField ? header.text : std::string(kAuthorization);
}

std::string FieldValue(const Credential& credential) {
  switch (credential.header.kind) {
    case Kind::kBasic:
      return "Basic " + codec::EncodeBase64(credential.header.text + ":" + credential.value);
    case Kind::kField:
      return credential.value;
    default:
      return "Bearer " + credential.value;
  }
}

std::string MediaType(const http::Headers& headers) {
  const std::string_view text = headers.Get("content-type").value_or("");
  return ToLower(Trim(text.substr(0, text.find(';'))));
}

// Fields that frame the message or name its host were read already, as they came.
bool MayHold(std::string_view name) {
  // What opens a WebSocket is for its two ends, and answered in kind.
  constexpr std::string_view kSocket = "sec-websocket-";
  return !EqualsIgnoreCase(name, "host") && !EqualsIgnoreCase(name, "content-length") &&
         !EqualsIgnoreCase(name, "transfer-encoding") && !EqualsIgnoreCase(name, "connection") &&
         !EqualsIgnoreCase(name.substr(0, kSocket.size()), kSocket);
}

// "USER ssh-ed25519 BASE64"
bool ParseSsh(std::string_view text, CredentialHeader& out) {
  const auto words = Split(text, ' ');
  if (words.size() != 3 || words[0].empty() || words[1] != kSshEd25519) return false;
  auto blob = codec::DecodeBase64(words[2]);
  if (!blob || !blob->starts_with(SshText(kSshEd25519))) return false;
  out.kind = Kind::kSsh;
  out.text = words[0];
  out.host_key = *std::move(blob);
  return true;
}

}  // namespace

Result<CredentialHeader> CredentialHeader::Parse(std::string_view text) {
  const size_t blank = text.find(' ');
  const std::string_view word = text.substr(0, blank);
  const std::string_view rest = blank == text.npos ? "" : text.substr(blank + 1);
  CredentialHeader out;
  out.text = rest;
  if (text.empty()) return out;
  if (text == "bearer") {
    out.kind = Kind::kBearer;
    return out;
  }
  if (word == "basic" && !rest.empty() && codec::IsHttpFieldValue(rest) &&
      rest.find(':') == rest.npos) {
    out.kind = Kind::kBasic;
    return out;
  }
  if (word == "field" && codec::IsHttpToken(rest) && MayHold(rest)) {
    out.kind = Kind::kField;
    return out;
  }
  if (word == "ssh" && ParseSsh(rest, out)) return out;
  return Error(Code::kInvalid,
               "the header of a secret is \"bearer\", \"basic USER\", \"field NAME\" or \"ssh USER "
               "ssh-ed25519 HOSTKEY\", for example \"field X-Api-Key\"");
}

// The value of a header field with the secret in it, if its placeholder stands there.
bool CredentialUse::PutIntoField(const Credential& credential, std::string& value) {
  constexpr std::string_view kBasic = "basic ";
  if (ReplaceAll(value, credential.placeholder, credential.value, &growth_left_)) return true;
  if (!EqualsIgnoreCase(std::string_view(value).substr(0, kBasic.size()), kBasic)) return false;
  const std::string came(Trim(std::string_view(value).substr(kBasic.size())));
  auto pair = codec::DecodeBase64(came);
  if (!pair) return false;
  if (!ReplaceAll(*pair, credential.placeholder, credential.value, &growth_left_)) return false;
  const std::string sent = codec::EncodeBase64(*pair);
  encoded_.push_back({sent, came});
  value = "Basic " + sent;
  return true;
}

Result<std::vector<std::string>> CredentialUse::PutInto(http::Headers& headers,
                                                        std::string& target) {
  std::vector<std::string> used;
  http::Headers out;
  for (const auto& [name, text] : headers) {
    std::string value = text;
    for (const CredentialPtr& one : placed_) {
      // A value that cannot stand in a header (a key of many lines) stays away from it.
      if (!one->in_header || !MayHold(name) || !codec::IsHttpFieldValue(one->value)) continue;
      if (PutIntoField(*one, value)) AddOnce(used, one->name);
    }
    out.Add(name, std::move(value));
  }
  const size_t query = target.find('?');
  if (query != std::string::npos) {
    std::string text = target.substr(query);
    for (const CredentialPtr& one : placed_) {
      if (!one->in_query) continue;
      const std::string value = PercentEncode(one->value);
      if (ReplaceAll(text, one->placeholder, value, &growth_left_)) AddOnce(used, one->name);
    }
    target = target.substr(0, query) + text;
  }
  if (growth_left_ == 0) {
    return Error(Code::kTooLarge, "the placeholder of a secret stands too often in the request");
  }
  // What a rule promises stands there whatever the program brought; what the sandbox has gives way.
  const bool brought = !used.empty();
  std::vector<std::string> fields;
  AddOwn(by_rule_, out, fields, used);
  if (!brought) AddOwn(added_, out, fields, used);
  // What comes back has to be readable here, and whole: a secret that comes in parts is not found.
  out.Set("Accept-Encoding", "identity");
  out.Remove("range");
  out.Remove("if-range");
  headers = std::move(out);
  return used;
}

void CredentialUse::AddOwn(const std::vector<CredentialPtr>& list, http::Headers& headers,
                           std::vector<std::string>& fields, std::vector<std::string>& used) {
  for (const CredentialPtr& one : list) {
    const std::string field = ToLower(FieldName(one->header));
    if (!codec::IsHttpFieldValue(one->value)) continue;
    if (std::find(fields.begin(), fields.end(), field) != fields.end()) continue;
    headers.Set(FieldName(one->header), FieldValue(*one));
    fields.push_back(field);
    AddOnce(used, one->name);
  }
}

std::vector<Replacement> CredentialUse::InBody(const http::Headers& headers) const {
  std::vector<Replacement> out;
  if (headers.Has("content-encoding")) return out;
  const std::string type = MediaType(headers);
  const bool json = type == "application/json" || type.ends_with("+json") ||
                    type == "application/x-ndjson" || type == "application/jsonl";
  const bool form = type == "application/x-www-form-urlencoded";
  const bool text = type.starts_with("text/") || type == "multipart/form-data";
  if (!json && !form && !text) return out;
  for (const CredentialPtr& one : placed_) {
    if (!one->in_body) continue;
    const std::string value = json   ? InJson(one->value)
                              : form ? PercentEncode(one->value)
                                     : one->value;
    out.push_back({one->placeholder, value, one->name});
  }
  return out;
}

// Each in the forms that it was sent in.
std::vector<Replacement> CredentialUse::InAnswer() const {
  std::vector<Replacement> out = encoded_;
  for (const auto* list : {&placed_, &by_rule_, &kept_}) {
    for (const CredentialPtr& one : *list) {
      std::vector<std::string> forms;
      AddOnce(forms, one->value);
      AddOnce(forms, InJson(one->value));
      AddOnce(forms, PercentEncode(one->value));
      if (one->header.kind == Kind::kBasic) {
        AddOnce(forms, codec::EncodeBase64(one->header.text + ":" + one->value));
      }
      for (std::string& form : forms) out.push_back({std::move(form), one->placeholder});
    }
  }
  return out;
}

Credentials::Credentials(std::shared_ptr<const Vault> vault, std::vector<std::string> attached)
    : vault_(std::move(vault)) {
  std::sort(attached.begin(), attached.end());
  attached.erase(std::unique(attached.begin(), attached.end()), attached.end());
  for (const std::string& name : attached) {
    if (const auto it = vault_->find(name); it != vault_->end()) attached_.push_back(it->second);
  }
}

bool Credentials::Concern(std::string_view host, uint16_t port) const {
  return std::any_of(attached_.begin(), attached_.end(),
                     [&](const CredentialPtr& one) { return MayBeFor(*one, host, port); });
}

std::vector<CredentialPtr> Credentials::SshKeys() const {
  std::vector<CredentialPtr> out;
  for (const CredentialPtr& one : attached_) {
    if (one->header.kind == Kind::kSsh) out.push_back(one);
  }
  return out;
}

Result<CredentialUse> Credentials::For(const CredentialQuestion& asked) const {
  const auto path = policy::RequestPath::Parse(asked.target);
  policy::Question question;
  question.host = asked.host;
  question.port = asked.port;
  question.method = asked.method;
  question.path = path ? &*path : nullptr;
  CredentialUse out;
  for (const CredentialPtr& one : attached_) {
    if (IsFor(*one, question)) out.placed_.push_back(one);
  }
  if (asked.by_rule != nullptr) {
    for (const std::string& name : *asked.by_rule) {
      const auto it = vault_->find(name);
      if (it != vault_->end() && IsFor(*it->second, question)) out.by_rule_.push_back(it->second);
    }
    if (!asked.by_rule->empty() && out.by_rule_.empty()) {
      return Error(Code::kDenied, "no secret that the rule names is for this request");
    }
  }
  const auto keep = [&](const CredentialPtr& one) {
    const auto has = [&one](const std::vector<CredentialPtr>& list) {
      return std::find(list.begin(), list.end(), one) != list.end();
    };
    if (has(out.placed_) || has(out.by_rule_) || has(out.kept_)) return;
    if (MayBeFor(*one, asked.host, asked.port)) out.kept_.push_back(one);
  };
  for (const CredentialPtr& one : attached_) keep(one);
  if (asked.by_other_rules != nullptr) {
    for (const std::string& name : *asked.by_other_rules) {
      if (const auto it = vault_->find(name); it != vault_->end()) keep(it->second);
    }
  }
  for (const CredentialPtr& one : out.placed_) {
    if (one->header.kind != Kind::kNone) out.added_.push_back(one);
  }
  return out;
}

}  // namespace cove::gateway
