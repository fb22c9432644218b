#include "bridge/provider.h"

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "bridge/headers.h"
#include "bridge/provider_keys.h"

namespace cove::bridge {

namespace {

// [a-z0-9]+(-[a-z0-9]+)*
bool IsName(std::string_view name) {
  for (const std::string_view part : Split(name, '-')) {
    const bool fine = !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    });
    if (!fine) return false;
  }
  return !name.empty();
}

// The front gets only a part of the server's environment (runner/front_env.h).
bool IsPassedOn(std::string_view name) {
  return name.ends_with("_API_KEY") || name.ends_with("_AUTH_TOKEN") ||
         name.starts_with("OPENAI_") || name.starts_with("ANTHROPIC_") ||
         name.starts_with("AWS_") || name.starts_with("COVE_");
}

// What AWS's own clients read: an API key of Bedrock, or a key that signs.
std::string AwsKeyOf(ReadEnv env) {
  const auto read = [env](const char* name) { return std::string(Trim(env(name))); };
  if (std::string key = read("AWS_BEARER_TOKEN_BEDROCK"); !key.empty()) return key;
  const std::string id = read("AWS_ACCESS_KEY_ID");
  const std::string secret = read("AWS_SECRET_ACCESS_KEY");
  if (id.empty() || secret.empty()) return {};
  const std::string token = read("AWS_SESSION_TOKEN");
  return id + ":" + secret + (token.empty() ? "" : ":" + token);
}

Result<void> ReadKeys(Provider& out, const ProviderConfig& config, const std::string& where,
                      ReadEnv env) {
  if (!config.api_key_file.empty()) {
    out.key_files = config.api_key_file;
    FileKeys read = ReadKeyFiles(out.kind, out.key_files, where);
    if (read.error) return *std::move(read.error);
    out.keys = std::move(read.keys);
    out.key_hint = "put the key into " + config.api_key_file.front();
  } else if (!config.api_key_env.empty()) {
    for (const std::string& name : config.api_key_env) {
      if (!IsPassedOn(name)) {
        return Error(Code::kInvalid, where + ".api_key_env: '" + name +
                                         "' does not get to the part of Cove that calls providers; "
                                         "name it ..._API_KEY or ..._AUTH_TOKEN");
      }
      RETURN_IF_ERROR(AddKey(out.keys, out.kind, std::string(Trim(env(name))), where));
    }
    out.key_hint = "set " + config.api_key_env.front() + " for `cove serve`";
  } else if (out.kind == ProviderKind::kBedrock) {
    RETURN_IF_ERROR(AddKey(out.keys, out.kind, AwsKeyOf(env), where));
    out.key_hint =
        "set AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, for `cove "
        "serve`";
  } else {
    out.key_hint = "set " + where + ".api_key_env or .api_key_file";
  }
  return Ok();
}

Result<void> ReadHeaders(Provider& out, const ProviderConfig& config, const std::string& where) {
  for (const std::string& field : config.headers) {
    const size_t colon = field.find(':');
    const std::string name(Trim(field.substr(0, colon)));
    const std::string value(colon == std::string::npos ? "" : Trim(field.substr(colon + 1)));
    if (!IsFieldForProviders(name, value)) {
      return Error(Code::kInvalid, where + ".headers: '" + name +
                                       "' will not do; each entry is \"Name: value\", and fields "
                                       "of the connection or the body are not to be set");
    }
    out.headers.Set(name, value);
  }
  return Ok();
}

Result<void> ReadRegion(Provider& out, const ProviderConfig& config, const std::string& where,
                        ReadEnv env) {
  out.region = config.region;
  if (out.region.empty()) out.region = Trim(env("AWS_REGION"));
  const bool fine = std::all_of(out.region.begin(), out.region.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (!out.region.empty() && fine) return Ok();
  return Error(Code::kInvalid, where +
                                   ".region must be one of AWS, like \"us-east-1\"; without it "
                                   "AWS_REGION of the server counts");
}

Result<void> ReadWay(Provider& out, const ProviderConfig& config, const std::string& where,
                     ReadEnv env) {
  std::string base_url = config.base_url;
  if (config.kind == "openai") {
    out.kind = ProviderKind::kOpenAi;
    if (base_url.empty()) base_url = "https://api.openai.com/v1";
  } else if (config.kind == "anthropic") {
    out.kind = ProviderKind::kAnthropic;
    if (base_url.empty()) base_url = "https://api.anthropic.com";
  } else if (config.kind == "bedrock") {
    out.kind = ProviderKind::kBedrock;
    RETURN_IF_ERROR(ReadRegion(out, config, where, env));
    if (base_url.empty()) base_url = "https://bedrock-runtime." + out.region + ".amazonaws.com";
    if (config.forward_agent_credentials) {
      return Error(Code::kInvalid, where +
                                       ".forward_agent_credentials: what an agent signs for the "
                                       "gateway is no signature for AWS");
    }
  } else {
    return Error(Code::kInvalid, where + ".kind is '" + config.kind +
                                     "'; it must be \"openai\", \"anthropic\" or \"bedrock\"");
  }
  while (base_url.ends_with('/')) base_url.pop_back();
  auto url = http::Url::Parse(base_url);
  if (!url) return std::move(url).error().Wrap(where + ".base_url");
  out.base = *std::move(url);
  if (out.base.scheme == "unix")
    return Error(Code::kInvalid, where + ".base_url: use http or https");
  if (out.base.target.find('?') != std::string::npos) {
    return Error(Code::kInvalid, where + ".base_url must not have a query");
  }
  if (out.base.target == "/") out.base.target.clear();
  if (!config.proxy.empty()) {
    auto proxy = http::Url::Parse(config.proxy);
    if (!proxy) return std::move(proxy).error().Wrap(where + ".proxy");
    if (proxy->scheme == "unix" || proxy->target != "/") {
      return Error(Code::kInvalid, where + ".proxy must be like \"http://host:port\"");
    }
    out.proxy = *std::move(proxy);
  }
  if (!config.ca_file.empty()) {
    auto tls = net::TlsContext::MakeClient(config.ca_file);
    if (!tls) return std::move(tls).error().Wrap(where + ".ca_file");
    out.tls = *std::move(tls);
  }
  return Ok();
}

// Follows each fall-back to its end, which must be one.
Result<void> CheckFallbacks(const std::vector<Provider>& providers) {
  for (const Provider& provider : providers) {
    const std::string where = "ai.providers." + provider.name + ".fallback";
    const Provider* at = &provider;
    for (size_t steps = 0; !at->fallback.empty(); ++steps) {
      at = FindProvider(providers, at->fallback);
      if (at == nullptr) return Error(Code::kInvalid, where + " names no provider");
      if (at->kind != provider.kind) {
        return Error(Code::kInvalid, where + " leads to a provider of another kind");
      }
      if (steps == providers.size()) return Error(Code::kInvalid, where + " leads in a circle");
    }
  }
  return Ok();
}

}  // namespace

std::string ReadProcessEnv(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::string() : std::string(value);
}

std::vector<ProviderConfig> DefaultProviders() {
  ProviderConfig openai;
  openai.name = openai.kind = "openai";
  openai.api_key_env = {"OPENAI_API_KEY"};
  ProviderConfig anthropic;
  anthropic.name = anthropic.kind = "anthropic";
  anthropic.api_key_env = {"ANTHROPIC_API_KEY"};
  return {openai, anthropic};
}

Result<Provider> LoadProvider(const ProviderConfig& config, ReadEnv env) {
  const std::string where = "ai.providers." + config.name;
  Provider out;
  out.name = config.name;
  if (!IsName(config.name)) {
    return Error(
        Code::kInvalid,
        where + ": a name is words of lower-case letters and digits with '-' between them");
  }
  RETURN_IF_ERROR(ReadWay(out, config, where, env));
  RETURN_IF_ERROR(ReadKeys(out, config, where, env));
  RETURN_IF_ERROR(ReadHeaders(out, config, where));
  if (!IsKey(config.account)) {
    return Error(Code::kInvalid, where + ".account has blanks or characters that no account has");
  }
  out.account = config.account;
  out.timeouts = config.timeouts;
  out.retries = config.retries;
  out.fallback = config.fallback;
  if (config.forward_agent_credentials) out.credentials = Credentials::kAgentFirst;
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
    if (FindProvider(out, provider.name) != nullptr) {
      return Error(Code::kInvalid, "ai.providers." + provider.name + " is there twice");
    }
    out.push_back(std::move(provider));
  }
  RETURN_IF_ERROR(CheckFallbacks(out));
  return out;
}

const Provider* FindProvider(const std::vector<Provider>& providers, std::string_view name) {
  for (const Provider& provider : providers) {
    if (provider.name == name) return &provider;
  }
  return nullptr;
}

}  // namespace cove::bridge
