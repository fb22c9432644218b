// What an HTTP request asks for, read strictly, and which of its fields travel on.
// Sources: RFC 9110 sections 7.1, 7.2, 7.6.1; RFC 9112 section 3.2. Thread: pure functions.
#pragma once

#include <optional>
#include <string>

#include "http/message.h"
#include "policy/reason.h"

namespace cove::gateway {

struct RequestTarget {
  policy::Reason reason = policy::Reason::kAllowed;  // else the request cannot be judged
  std::string host;                                  // canonical; of kBadName: an address or ""
  std::optional<uint16_t> port;                      // when the authority gave one
  std::string target;                                // origin form: "/path?query" or "*"
  bool absolute = false;                             // it was a whole URI, as proxies are asked
  std::string detail;                                // what exactly is wrong, for people
};
// `scheme` is that of the connection: "http" or "https".
RequestTarget ReadRequestTarget(const http::RequestHead& request, std::string_view scheme);

// Without fields that belong to one connection, that proxies add, and that frame the body.
http::Headers RequestHeadersToSend(const http::Headers& in);
http::Headers ResponseHeadersToSend(const http::Headers& in);
// Of the fields after a body: without those that say whose the message is or how to read it (RFC
// 9110 section 6.5.1).
http::Headers TrailersToSend(const http::Headers& in);

}  // namespace cove::gateway
