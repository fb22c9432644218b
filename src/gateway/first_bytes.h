// What does a client speak, by its first bytes? Fed as they come, until it is clear.
//
// TLS starts with a handshake record, HTTP/1 with a method, a space and a target ("/", "*", "http",
// or anything after CONNECT and GET). What some server may take for a request nevertheless (a
// method in small letters, other blanks and more of them, also before it, an odd target) is HTTP if
// its first line ends in a version. So is the PROXY protocol, which says that a request comes from
// somebody else. Everything else is opaque: a protocol that the gateway does not read.
// Thread: a value.
#pragma once

#include <string>
#include <string_view>

#include "codec/tls_hello.h"

namespace cove::gateway {

class FirstBytes {
 public:
  enum class Kind : uint8_t { kNeedMore, kTls, kHttp, kOpaque, kBadTls };

  Kind Feed(std::string_view bytes);
  // Nothing more comes: what is not a whole line by now is no request.
  Kind End();
  Kind kind() const { return kind_; }
  // All that was fed.
  const std::string& bytes() const { return bytes_; }
  std::string TakeBytes() { return std::move(bytes_); }
  // REQUIRES: kTls.
  const codec::ClientHello& hello() const { return parser_.hello(); }

 private:
  Kind kind_ = Kind::kNeedMore;
  std::string bytes_;
  codec::ClientHelloParser parser_;
};

}  // namespace cove::gateway
