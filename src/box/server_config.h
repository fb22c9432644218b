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

// PROXY_IP_V4, PROXY_IP_V6 and PROXY_PORT. kInvalid: no addresses, no port.
Result<Proxy> ReadProxy(const std::string& v4, const std::string& v6, const std::string& port);

}  // namespace cove::box
