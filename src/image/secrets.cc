#include "image/secrets.h"

#include "base/text.h"

namespace cove::image {
namespace {

// scheme://something@host, before the path starts.
bool HasUserInfo(std::string_view line) {
  for (size_t at = line.find("://"); at != std::string_view::npos; at = line.find("://", at + 3)) {
    for (size_t i = at + 3; i < line.size(); ++i) {
      const char c = line[i];
      if (c == '@') return true;
      if (c == '/' || c == '?' || c == '#' || c == ' ' || c == '\t' || c == '"') break;
    }
  }
  return false;
}

}  // namespace

bool HoldsSecret(std::string_view line) {
  if (HasUserInfo(line)) return true;
  const std::string lower = ToLower(line);
  for (const std::string_view word :
       {"_auth", "authtoken", "password", "passwd", "passphrase", "secret", "token", "api_key",
        "apikey", "api-key", "credential", "authorization", "private_key", "client_key", "certfile",
        "keyfile"}) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

std::string DropSecretLines(std::string_view text) {
  std::string out;
  const bool ended = text.ends_with('\n');
  if (ended) text.remove_suffix(1);
  if (text.empty()) return ended ? "\n" : "";
  bool in_dropped = false;
  for (const std::string_view line : Split(text, '\n')) {
    const bool secret = HoldsSecret(line);
    if (Trim(line).starts_with('[')) in_dropped = secret;
    if (!secret && !in_dropped) out += std::string(line) + "\n";
  }
  return out;
}

}  // namespace cove::image
