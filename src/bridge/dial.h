// How a provider is reached: directly or through a proxy (CONNECT), with TLS where its URL says so.
// Thread: loop-confined.
#pragma once

#include "async/offload.h"
#include "bridge/provider.h"

namespace cove::bridge {

// What a call fails with when no connection came about: not a byte of it was sent, so sending it
// again is safe. Nothing else in a call's way gives this code.
inline constexpr Code kNothingSent = Code::kGone;

// The system's authorities, read when first needed and then shared.
class SystemTrust {
 public:
  Result<std::shared_ptr<net::TlsContext>> Get();

 private:
  std::shared_ptr<net::TlsContext> context_;
};

// A client whose connections go the provider's way; up to `idle` unused ones are kept. The pool
// must outlive the client.
std::unique_ptr<http::Client> MakeClient(const Provider& provider, async::ThreadPool& pool,
                                         std::shared_ptr<SystemTrust> trust, size_t idle);

}  // namespace cove::bridge
