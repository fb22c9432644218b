// The addresses that names have inside one sandbox.
//
// Concept: a sandbox resolves nothing. A name that a rule could allow gets a stand-in address that
// exists only as a key into this table; a connection to it tells the gateway which name was meant.
// The range is 33.33.0.0/16: programs see ordinary global unicast (198.18.0.0/15, the usual
// choice for such tricks, is "private" to SSRF guards and to browsers), no public service is known
// in it, and nothing is ever dialled in it on a stand-in's account.
//
// An address follows from the name's hash, so it stays the same after a restart of the front and
// in a fork of the sandbox, whose programs may have cached it; only a collision moves a name on.
//
// Limits: kStandInsMax names; the least recently used one gives way.
// Thread: loop-confined.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "policy/address.h"
#include "policy/built_in.h"

namespace cove::gateway {

using policy::kModelHost;
using policy::kProxyHost;
inline constexpr size_t kStandInsMax = 4096;

class StandIns {
 public:
  // The address of a canonical name; makes one if needed.
  policy::Address AddressOf(std::string_view host);
  // The name behind an address, if it has one now.
  std::optional<std::string> NameOf(const policy::Address& address);

  static bool InRange(const policy::Address& address);
  // Where the name is unless another took its place.
  static policy::Address FirstChoice(std::string_view host);
  size_t size() const { return by_slot_.size(); }

 private:
  struct Entry {
    std::string host;
    uint16_t slot;
  };
  using Entries = std::list<Entry>;  // most recently used first
  void Touch(Entries::iterator it) { entries_.splice(entries_.begin(), entries_, it); }

  Entries entries_;
  std::unordered_map<std::string, Entries::iterator> by_host_;
  std::unordered_map<uint16_t, Entries::iterator> by_slot_;
};

}  // namespace cove::gateway
