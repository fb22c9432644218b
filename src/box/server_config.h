// The configuration of the server that runs one box: cove.toml, from the operator's own
// (COVE_BOX_CONFIG) and from what this box may reach. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "box/args.h"

namespace cove::box {

// Where an external proxy is: only that may be reached then.
struct Proxy {
  std::string address;  // "192.0.2.1" or "2001:db8::1"; empty: none
  uint16_t port = 3128;
  std::string Url() const;
};

struct Reach {
  Firewall firewall = Firewall::kProxy;
  Proxy proxy;
  std::vector<std::string> domains;
  bool private_answers = false;  // ALLOW_PRIVATE_DNS: names may lead to private addresses
};

struct ServerConfig {
  Reach reach;
  std::string account;  // of ChatGPT: calls go to its backend, not to the API
};

// `operators` is TOML, or empty. kInvalid: it is none.
Result<std::string> WriteServerConfig(const std::string& operators, const ServerConfig& config);

// Do they say anything of that model provider?
bool HasProvider(const std::string& operators, std::string_view name);

// What PROXY_IP_V4, PROXY_IP_V6 and PROXY_PORT say.
struct ProxyWords {
  std::string v4;
  std::string v6;
  std::string port;
};
// Lines of NAME=VALUE with those names, over what is said already; '#' begins a comment. It is no
// script. kInvalid: anything else.
Result<ProxyWords> ReadProxyFile(const std::string& text, ProxyWords said);
// kInvalid: no addresses, no port.
Result<Proxy> ReadProxy(const ProxyWords& words);

// Checks the text of RESOLV_CONF_FILE (resolv.conf(5)). kInvalid: it names no server.
Result<void> CheckResolvers(const std::string& text);

}  // namespace cove::box
