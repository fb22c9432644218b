#include "bridge/provider_keys.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/unique_fd.h"
#include "json/json.h"

namespace cove::bridge {
namespace {

constexpr size_t kKeyBytesMax = 4096;
constexpr size_t kKeysMax = 16;
constexpr size_t kHintFrom = 20;  // a key shorter than this is not shown in part
constexpr size_t kHintBytes = 4;

Result<std::string> ReadKeyFile(const std::string& path) {
  const auto failed = [&path] {
    return Error::FromErrno("reading the key file " + path +
                            " (the server's user must be able to read it)");
  };
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return failed();
  std::string text;
  std::array<char, kKeyBytesMax> part{};
  for (;;) {
    const ssize_t n = ::read(file.get(), part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed();
    if (n == 0) return std::string(Trim(text));
    text.append(part.data(), static_cast<size_t>(n));
  }
}

// "ID:SECRET" or "ID:SECRET:SESSION-TOKEN" of AWS. An API key of Bedrock has no colon.
Result<void> SplitAwsKey(ProviderKey& key, const std::string& where) {
  const std::string text = key.secret.Reveal();
  const auto parts = Split(text, ':');
  if (parts.size() == 1) return Ok();
  const bool empty =
      std::any_of(parts.begin(), parts.end(), [](std::string_view part) { return part.empty(); });
  if (parts.size() > 3 || empty) {
    return Error(Code::kInvalid,
                 where +
                     ": a key of AWS is ACCESS_KEY_ID:SECRET_ACCESS_KEY, with :SESSION_TOKEN "
                     "where it is a temporary one");
  }
  key.access_key_id = parts[0];
  key.secret = Secret(std::string(parts[1]));
  if (parts.size() == 3) key.session_token = Secret(std::string(parts[2]));
  return Ok();
}

struct Written {
  std::string text;
  std::optional<WallTime> expires_at;
};

// What credential_process prints, as one text.
Result<Written> ReadProcessForm(const std::string& text, const std::string& where) {
  const auto object = json::ParseObject(text);
  const auto field = [&](std::string_view name) {
    return object ? json::GetString(*object, name).value_or("") : std::string();
  };
  const std::string id = field("AccessKeyId");
  const std::string secret = field("SecretAccessKey");
  const std::string token = field("SessionToken");
  const std::string until = field("Expiration");
  Written out;
  if (!until.empty()) out.expires_at = ParseIso(until);
  // The texts themselves are secrets: the error has none of them.
  if (id.empty() || secret.empty() || (!until.empty() && !out.expires_at)) {
    return Error(Code::kInvalid, where +
                                     ": not what credential_process of AWS prints: an object with "
                                     "AccessKeyId, SecretAccessKey, SessionToken and Expiration "
                                     "(a time like 2026-11-21T01:02:03Z)");
  }
  out.text = id + ":" + secret + (token.empty() ? "" : ":" + token);
  return out;
}

// The key that the text is.
Result<ProviderKey> ParseKey(ProviderKind kind, std::string text, const std::string& where) {
  Written written{std::move(text), std::nullopt};
  if (kind == ProviderKind::kBedrock && written.text.starts_with('{')) {
    ASSIGN_OR_RETURN(written, ReadProcessForm(written.text, where));
  }
  if (!IsKey(written.text)) {
    return Error(Code::kInvalid, where + ": the key has blanks or characters that no key has");
  }
  ProviderKey out;
  out.secret = Secret(std::move(written.text));
  out.expires_at = written.expires_at;
  if (kind == ProviderKind::kBedrock) RETURN_IF_ERROR(SplitAwsKey(out, where));
  return out;
}

Result<void> Push(std::vector<ProviderKey>& keys, ProviderKey key, const std::string& where) {
  if (keys.size() == kKeysMax) {
    return Error(Code::kInvalid, where + ": at most " + std::to_string(kKeysMax) + " keys");
  }
  // The id of an AWS key is no secret, and what its owner knows it by.
  const std::string& shown = key.access_key_id.empty() ? key.secret.Reveal() : key.access_key_id;
  key.hint = std::to_string(keys.size() + 1);
  const size_t from = key.access_key_id.empty() ? kHintFrom : kHintBytes;
  if (shown.size() >= from) key.hint += " (…" + shown.substr(shown.size() - kHintBytes) + ")";
  keys.push_back(std::move(key));
  return Ok();
}

// `had`: its former key; null: none.
Result<std::optional<ProviderKey>> KeyOfFile(ProviderKind kind, const std::string& path,
                                             const std::string& where, const ProviderKey* had) {
  auto text = ReadKeyFile(path);
  if (!text) return std::move(text).error().Wrap(where);
  const std::string here = where + " (" + path + ")";
  if (text->empty() && had != nullptr) {
    return Error(Code::kInvalid, here + ": the file is empty, and had a key before");
  }
  if (text->empty()) return std::optional<ProviderKey>();
  ASSIGN_OR_RETURN(ProviderKey key, ParseKey(kind, *std::move(text), here));
  key.file = path;
  return std::optional(std::move(key));
}

}  // namespace

bool IsKey(std::string_view key) {
  return key.size() <= kKeyBytesMax &&
         std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

Result<void> AddKey(std::vector<ProviderKey>& keys, ProviderKind kind, std::string text,
                    const std::string& where) {
  if (text.empty()) return Ok();
  ASSIGN_OR_RETURN(ProviderKey key, ParseKey(kind, std::move(text), where));
  return Push(keys, std::move(key), where);
}

FileKeys ReadKeyFiles(ProviderKind kind, const std::vector<std::string>& paths,
                      const std::string& where, const std::vector<ProviderKey>& former) {
  FileKeys out;
  const auto note = [&out](Error error) {
    if (!out.error) out.error = std::move(error);
  };
  for (const std::string& path : paths) {
    const auto had = std::find_if(former.begin(), former.end(),
                                  [&](const ProviderKey& key) { return key.file == path; });
    auto read = KeyOfFile(kind, path, where, had == former.end() ? nullptr : &*had);
    std::optional<ProviderKey> key;
    if (read) {
      key = *std::move(read);
    } else {
      note(read.error());
      if (had != former.end()) key = *had;
    }
    if (!key) continue;
    auto pushed = Push(out.keys, *std::move(key), where);
    if (!pushed) note(std::move(pushed).error());
  }
  return out;
}

}  // namespace cove::bridge
