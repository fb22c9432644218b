// Bytes both ways between a sandbox and what was dialled for it, for as long as its rule stands.
// Thread: loop-confined.
#pragma once

#include <functional>

#include "gateway/box.h"
#include "gateway/client_stream.h"
#include "gateway/ledger.h"

namespace cove::gateway {

// Asked at the start and at each change of the sandbox's policy: a rule that is taken away cuts
// what it allowed.
using StillAllowed = std::function<bool()>;

// Bytes both ways, a the sandbox's end.
class Tunnel {
 public:
  virtual ~Tunnel() = default;
  // Until both directions have ended, half-closes passed on, or one failed, or nothing moved for
  // `idle`.
  virtual Task<Result<void>> Run(Duration idle) = 0;
  // Makes the close of both ends a reset.
  virtual void Abort() = 0;
  const net::PumpTotals& totals() const { return totals_; }
  // The bytes both ways are paid from it, until Run() ends with kExhausted. Before Run().
  void Meter(Lease& lease) { lease_ = &lease; }

 protected:
  Lease* lease() const { return lease_; }
  net::PumpTotals totals_;

 private:
  Lease* lease_ = nullptr;
};

// Between any two streams, which outlive it.
class StreamTunnel final : public Tunnel {
 public:
  StreamTunnel(net::ByteStream& client, net::ByteStream& server)
      : client_(client), server_(server) {}
  Task<Result<void>> Run(Duration idle) override;
  void Abort() override {
    client_.MarkAborted();
    server_.MarkAborted();
  }

 private:
  net::ByteStream& client_;
  net::ByteStream& server_;
};

// Runs the tunnel for as long as its rule stands. On anything but an orderly end both ends are
// reset, so that a cut stream never looks whole. Sets the ledger's outcome.
Task<void> RunTunnel(Box& box, Tunnel& tunnel, Ledger& ledger, StillAllowed still_allowed);

}  // namespace cove::gateway
