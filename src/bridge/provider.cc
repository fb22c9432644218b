#include "bridge/provider.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/text.h"

namespace cove::bridge {

namespace {

constexpr size_t kKeyBytesMax = 4096;

bool IsName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// A key becomes a header's value, so anything else than visible ASCII would be a forged header.
bool IsKey(std::string_view key) {
  return key.size() <= kKeyBytesMax &&
         std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

Result<std::string> ReadKeyFile(const std::string& path) {
  std::ifstream in(path);
  if (!in) {
    return Error::FromErrno("reading the key file " + path +
                            " (the server's user must be able to read it)");
  }
  std::ostringstream text;
  text << in.rdbuf();
  return std::string(Trim(text.str()));
}

}  // namespace

std::string ReadProcessEnv(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::string() : std::string(value);
}

std::vector<ProviderConfig> DefaultProviders() {
  return {{"openai", "openai", "", "OPENAI_API_KEY", ""},
          {"anthropic", "anthropic", "", "ANTHROPIC_API_KEY", ""}};
}

Result<Provider> LoadProvider(const ProviderConfig& config, ReadEnv env) {
  const std::string where = "ai.providers." + config.name;
  Provider out;
  out.name = config.name;
  if (!IsName(config.name)) {
    return Error(Code::kInvalid, where + ": a name has lower-case letters, digits and '-' only");
  }
  std::string base_url = config.base_url;
  if (config.kind == "openai") {
    out.kind = ProviderKind::kOpenAi;
    if (base_url.empty()) base_url = "https://api.openai.com/v1";
  } else if (config.kind == "anthropic") {
    out.kind = ProviderKind::kAnthropic;
    if (base_url.empty()) base_url = "https://api.anthropic.com";
  } else {
    return Error(Code::kInvalid,
                 where + ".kind is '" + config.kind + "'; it must be \"openai\" or \"anthropic\"");
  }
  while (base_url.ends_with('/')) base_url.pop_back();
  auto url = http::Url::Parse(base_url);
  if (!url) return std::move(url).error().Wrap(where + ".base_url");
  out.base = *std::move(url);
  if (out.base.target.find('?') != std::string::npos) {
    return Error(Code::kInvalid, where + ".base_url must not have a query");
  }
  if (out.base.target == "/") out.base.target.clear();

  std::string key;
  if (!config.api_key_file.empty()) {
    ASSIGN_OR_RETURN(key, ReadKeyFile(config.api_key_file));
    out.key_hint = "put the key into " + config.api_key_file;
  } else if (!config.api_key_env.empty()) {
    key = std::string(Trim(env(config.api_key_env)));
    out.key_hint = "set " + config.api_key_env + " for `cove serve`";
  } else {
    out.key_hint = "set " + where + ".api_key_env or .api_key_file";
  }
  if (!IsKey(key)) {
    return Error(Code::kInvalid, where + ": the key has blanks or characters that no key has");
  }
  out.key = Secret(std::move(key));
  if (!IsKey(config.account)) {
    return Error(Code::kInvalid, where + ".account has blanks or characters that no account has");
  }
  out.account = config.account;
  return out;
}

Result<std::vector<Provider>> LoadProviders(std::vector<ProviderConfig> configured, ReadEnv env) {
  for (const ProviderConfig& standard : DefaultProviders()) {
    auto same = [&](const ProviderConfig& c) { return c.name == standard.name; };
    auto it = std::find_if(configured.begin(), configured.end(), same);
    if (it == configured.end()) {
      configured.push_back(standard);
    } else if (it->api_key_env.empty() && it->api_key_file.empty()) {
      it->api_key_env = standard.api_key_env;
    }
  }
  std::vector<Provider> out;
  for (const ProviderConfig& config : configured) {
    ASSIGN_OR_RETURN(Provider provider, LoadProvider(config, env));
    out.push_back(std::move(provider));
  }
  return out;
}

}  // namespace cove::bridge
