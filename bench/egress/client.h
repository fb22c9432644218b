// A blocking TLS client over one of the paths. Thread: one.
#pragma once

#include <openssl/ssl.h>

#include "base/unique_fd.h"
#include "egress/egress.h"

namespace cove::bench {

// A TCP connection over the path; with a proxy, behind its 200.
UniqueFd Dial(const Path& path, const std::string& host);
// The first record of a TLS client that asks for `host`.
std::string HelloFor(const std::string& host);

class TlsClient {
 public:
  TlsClient(UniqueFd fd, const std::string& host);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  // GET target; until the head and `least` bytes are there. Gives how many came.
  uint64_t Get(const std::string& host, const std::string& target, uint64_t least);

 private:
  UniqueFd fd_;
  SSL* ssl_;
};

}  // namespace cove::bench
