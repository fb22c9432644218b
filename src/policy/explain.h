// Why a URL may or may not be reached: the steps that the gateway would take for it, in its order,
// each with what every layer says. For people; nothing is resolved or dialled.
// Thread: pure functions.
#pragma once

#include <functional>

#include "policy/policy.h"

namespace cove::policy {

struct Inquiry {
  std::string scheme;  // "https", "http", or another for any other protocol over TCP
  std::string host;    // a name, or an address without brackets
  uint16_t port = 0;
  std::string method = "GET";
  std::string target = "/";  // path and query

  // "https://host[:port][/path]", "http://…", "ssh://host", "tcp://host:port"; "host" means https.
  static Result<Inquiry> Parse(std::string_view url);
};

struct Explanation {
  Decision decision;
  // At which step it was decided.
  enum class Stage { kName, kConnection, kRequest, kAddress } stage = Stage::kConnection;
  std::vector<Step> steps;  // of that stage: the default that holds, then the ceilings
};
std::string_view StageName(Explanation::Stage stage);

// `classify` says what kind of place an address is, here.
Explanation Explain(const Policy& policy, const Inquiry& inquiry,
                    const std::function<AddressClass(const Address&)>& classify);

}  // namespace cove::policy
