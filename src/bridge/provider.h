// Provider: where model calls go, how, and with which keys. Values.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/client.h"
#include "net/tls.h"

namespace cove::bridge {

// What protocol a provider speaks; it decides routes, key header and the shape of errors.
enum class ProviderKind { kOpenAi, kAnthropic, kBedrock };

// A text that must not be shown: it has no way into a log line or an error by accident.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  bool empty() const { return text_.empty(); }
  // Only for the header of a request that goes to the key's own provider.
  const std::string& Reveal() const { return text_; }
  bool operator==(const Secret&) const = default;

 private:
  std::string text_;
};

struct ProviderKey {
  Secret secret;
  std::string hint;  // which one it is, for logs and books: "1", or "1 (…9f2a)" if it is long
  // Of AWS, whose requests are signed (sigv4.h); empty: the secret itself is sent.
  std::string access_key_id;
  Secret session_token;
  std::optional<WallTime> expires_at;  // as its file says; of no use from then on
  std::string file;                    // where it stands; empty: in a variable
  bool operator==(const ProviderKey&) const = default;
};

struct ProviderTimeouts {
  Duration connect = seconds(15);  // name, proxy, TCP and TLS together
  Duration head = seconds(600);    // until the answer starts
  Duration body = seconds(300);    // between two pieces of the answer
};

// Whose credentials a call carries.
enum class Credentials {
  kProviderKey,  // Cove's; what the agent sent is dropped
  kAgentFirst,   // the agent's own where it sent some, else Cove's
};

struct Provider {
  std::string name;  // the first segment of its paths: [a-z0-9]+(-[a-z0-9]+)*
  ProviderKind kind = ProviderKind::kOpenAi;
  http::Url base;                      // kOpenAi: with the version ("…/v1"); the others: without
  std::string region;                  // of AWS: kBedrock
  std::vector<ProviderKey> keys;       // in the order of use; none: calls are refused with key_hint
  std::vector<std::string> key_files;  // where they come from, if from files (key_source.h)
  std::string account;                 // of ChatGPT, sent along with its token; empty: none
  std::string key_hint;                // what to do when there is no key, for people
  http::Headers headers;           // added to each request, in place of the agent's of that name
  std::optional<http::Url> proxy;  // reached by CONNECT; none: directly
  std::shared_ptr<net::TlsContext> tls;  // null: the system's authorities are trusted
  ProviderTimeouts timeouts;
  int retries = 1;       // after a try in which the provider did nothing (upstream.h)
  std::string fallback;  // the provider of the same kind that takes its calls instead; or empty
  Credentials credentials = Credentials::kProviderKey;
};

// As the configuration has it ([ai.providers.NAME]).
struct ProviderConfig {
  std::string name;
  std::string kind;                       // "openai", "anthropic" or "bedrock"
  std::string base_url;                   // empty: the public one
  std::string region;                     // bedrock: as in AWS_REGION
  std::vector<std::string> api_key_env;   // the variables that hold the keys, the first one first
  std::vector<std::string> api_key_file;  // files that hold them; win over the variables
  std::string account;               // ChatGPT's account id, where the key is one of its tokens
  std::vector<std::string> headers;  // "Name: value"
  std::string proxy;                 // "http://host:port" or "https://…"
  std::string ca_file;
  std::string fallback;
  ProviderTimeouts timeouts;
  int retries = 1;
  bool forward_agent_credentials = false;
};

// The two that exist without any configuration.
std::vector<ProviderConfig> DefaultProviders();

// Gives an environment variable's value, or an empty text.
using ReadEnv = std::string (*)(const std::string& name);
std::string ReadProcessEnv(const std::string& name);

// Checks the entry and reads its keys; for start-up, it blocks. A variable that is not there is no
// error: the calls say so. A key file that cannot be read is one.
Result<Provider> LoadProvider(const ProviderConfig& config, ReadEnv env = &ReadProcessEnv);

// `configured` over DefaultProviders(), by name, all loaded. A name given twice, and a fall-back
// that is not there, of another kind or in a circle, are kInvalid.
Result<std::vector<Provider>> LoadProviders(std::vector<ProviderConfig> configured,
                                            ReadEnv env = &ReadProcessEnv);

// Null when there is none.
const Provider* FindProvider(const std::vector<Provider>& providers, std::string_view name);

}  // namespace cove::bridge
