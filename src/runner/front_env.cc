#include "runner/front_env.h"

#include <array>
#include <string_view>

namespace cove::runner {
namespace {

bool Kept(std::string_view name) {
  // COVE_STORE comes from --store only, unless the operator set it himself.
  for (const std::string_view prefix : {"COVE_", "OPENAI_", "ANTHROPIC_", "AWS_", "LC_", "OTEL_"}) {
    if (name.starts_with(prefix)) return true;
  }
  // Where a configuration names the variable of a provider's key: api_key_env.
  for (const std::string_view suffix : {"_API_KEY", "_AUTH_TOKEN"}) {
    if (name.ends_with(suffix)) return true;
  }
  static constexpr std::array<std::string_view, 7> kNames = {
      "LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "NO_PROXY", "ASAN_OPTIONS"};
  for (const std::string_view known : kNames) {
    if (name == known) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> FrontEnvironment(const std::vector<std::string>& environ,
                                          const std::string& store_url) {
  std::vector<std::string> out = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent"};
  for (const std::string& entry : environ) {
    const std::string_view name = std::string_view(entry).substr(0, entry.find('='));
    if (name == "COVE_STORE" && !store_url.empty()) continue;
    if (Kept(name)) out.push_back(entry);
  }
  if (!store_url.empty()) out.push_back("COVE_STORE=" + store_url);
  return out;
}

}  // namespace cove::runner
