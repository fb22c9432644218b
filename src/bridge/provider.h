// Provider: where model calls go and with which key. Values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/client.h"

namespace cove::bridge {

// What protocol a provider speaks; it decides routes, key header and the shape of errors.
enum class ProviderKind { kOpenAi, kAnthropic };

// A text that must not be shown: it has no way into a log line or an error by accident.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  bool empty() const { return text_.empty(); }
  // Only for the header of a request that goes to the key's own provider.
  const std::string& Reveal() const { return text_; }

 private:
  std::string text_;
};

struct Provider {
  std::string name;  // the first segment of its paths: [a-z0-9-]+
  ProviderKind kind = ProviderKind::kOpenAi;
  http::Url base;        // kOpenAi: with the version ("…/v1"); kAnthropic: without
  Secret key;            // empty: calls are refused with key_hint
  std::string account;   // of ChatGPT, sent along with its token; empty: none
  std::string key_hint;  // what to do when there is no key, for people
};

// As the configuration has it ([ai.providers.NAME]).
struct ProviderConfig {
  std::string name;
  std::string kind;          // "openai" or "anthropic"
  std::string base_url;      // empty: the public one
  std::string api_key_env;   // the variable that holds the key
  std::string api_key_file;  // a file that holds it; wins over the variable
  std::string account;       // ChatGPT's account id, where the key is one of its tokens
};

// The two that exist without any configuration.
std::vector<ProviderConfig> DefaultProviders();

// Gives an environment variable's value, or an empty text.
using ReadEnv = std::string (*)(const std::string& name);
std::string ReadProcessEnv(const std::string& name);

// Checks the entry and reads its key; for start-up, it blocks. A key that is not there is no
// error: the calls say so. A key file that cannot be read is one.
Result<Provider> LoadProvider(const ProviderConfig& config, ReadEnv env = &ReadProcessEnv);

// `configured` over DefaultProviders(), by name, all loaded.
Result<std::vector<Provider>> LoadProviders(std::vector<ProviderConfig> configured,
                                            ReadEnv env = &ReadProcessEnv);

}  // namespace cove::bridge
