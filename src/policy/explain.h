// Why a URL may or may not be reached: the steps that the gateway would take for it, in its order,
// each with what every layer says. For people; nothing is dialled, and names are resolved by the
// caller, only where it says so.
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
  bool has_secret = false;   // the sandbox has one for there: TLS is opened for its sake

  // "https://host[:port][/path]", "http://…", "ssh://host", "tcp://host:port"; "host" means https.
  static Result<Inquiry> Parse(std::string_view url);
};

struct Explanation {
  Decision decision;
  // At which step it was decided.
  enum class Stage { kName, kConnection, kRequest, kAddress } stage = Stage::kConnection;
  std::vector<Step> steps;  // of that stage: the default that holds, then the ceilings
  // What the name leads to has a say: see AddAddresses.
  bool by_address = false;
  struct Place {
    Address address;
    AddressClass kind = AddressClass::kPublic;
    bool open = false;  // may be dialled
  };
  std::vector<Place> places;
};
std::string_view StageName(Explanation::Stage stage);

// What kind of place an address is, here.
using Classifier = std::function<AddressClass(const Address&)>;

Explanation Explain(const Policy& policy, const Inquiry& inquiry, const Classifier& classify);
// The last step of one that is `by_address`: what the inquiry's name leads to.
void AddAddresses(const Policy& policy, const Inquiry& inquiry,
                  const std::vector<Address>& addresses, const Classifier& classify,
                  Explanation& out);

}  // namespace cove::policy
