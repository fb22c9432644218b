// Fields between our messages and HTTP/2's (RFC 9113 section 8): lower-case names, pseudo fields,
// nothing that belongs to one connection of HTTP/1. Internal to http. Thread: values.
#pragma once

#include <nghttp2/nghttp2.h>

#include <deque>

#include "http/client.h"
#include "http/http2_stream.h"

namespace cove::http::internal {

// Name-value pairs in the library's form; they own their text.
class Http2Pairs {
 public:
  Http2Pairs() = default;
  // All fields but those of one connection. REQUIRES: Sound(headers).
  explicit Http2Pairs(const Headers& headers) { AddAll(headers); }
  Http2Pairs(const Http2Pairs&) = delete;
  void Add(std::string_view name, std::string_view value);
  void AddAll(const Headers& headers);
  const nghttp2_nv* data() const { return pairs_.data(); }
  size_t size() const { return pairs_.size(); }

 private:
  std::deque<std::string> texts_;
  std::vector<nghttp2_nv> pairs_;
};

// The library sends what it is given: a field that no wire may carry is an error here.
Result<void> Sound(const Headers& headers);

// Adds a received field; several cookies become one, as HTTP/1 has it (section 8.2.3).
void AddToHead(Http2Head& head, std::string_view name, std::string_view value);

// A request as the rest of the program knows it. What contradicts itself is written so that
// nobody can accept it: two Host fields, or a target with a scheme that is not `scheme`.
RequestHead ToRequest(Http2Head head, std::string_view scheme);

Result<void> RequestPairs(const ClientRequest& request, Http2Pairs& out);

}  // namespace cove::http::internal
