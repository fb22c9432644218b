// From what sandboxes tried to a policy that would have allowed it, and no more: names, ports, and
// where requests were read their methods and paths. Thread: pure functions.
#pragma once

#include <span>
#include <string>

#include "policy/draft.h"

namespace cove::policy {

// What one row of the audit tells.
struct Attempt {
  std::string channel;  // "dns", "tls", "https", "http", "tcp"
  std::string host;     // empty: none was given
  std::string address;  // then: where it went
  uint16_t port = 0;    // 0: not known, as in DNS
  std::string method;   // of a request that was read
  std::string path;
  std::string reason;  // ReasonName
  // Whether the path is all of it: the audit keeps the beginning of a long one.
  enum class Path { kWhole, kCut };
  Path path_is = Path::kWhole;
  // The record also stands for further requests to the host, of which it does not say what they
  // were: a run of them on one connection.
  bool of_several = false;
};

// Where requests were read on a port of a host, those are what is allowed there, also if other
// connections to it were not read; a note says so. A method is allowed on just the paths it was
// seen on; over 16 of them on a host and port become what is below their first segments, with a
// note, and of a path that the record has only the beginning of what is below its last whole
// segment, also with one. Where a record stands for several requests, all of the port is allowed,
// with a note. A host that is the address itself is allowed by its number. Attempts that
// no rule could mend (a broken name, a private address) become notes, too; names of addresses
// (in-addr.arpa, ip6.arpa) are left out.
Draft Suggest(std::span<const Attempt> attempts);

}  // namespace cove::policy
