#include "gateway/tunnel.h"

#include <algorithm>

#include "async/task_group.h"

namespace cove::gateway {
namespace {

using policy::Reason;

Task<void> RunAndTell(Tunnel& tunnel, Duration idle, Result<void>* result, async::Event* done) {
  *result = co_await tunnel.Run(idle);
  done->Set();
}

Reason ReasonOf(const Error& error) {
  if (error.code() == Code::kExhausted) return Reason::kUsedUp;
  return error.code() == Code::kTimeout ? Reason::kIdle : Reason::kBroken;
}

// The client's end where rules limit the bytes: what would be too much breaks it.
class MeteredStream final : public net::ByteStream {
 public:
  MeteredStream(net::ByteStream& inner, Lease& lease) : inner_(inner), lease_(lease) {}
  Task<Result<size_t>> Read(std::span<char> buffer) override {
    inner_.set_read_timeout(read_timeout());
    CO_ASSIGN_OR_RETURN(const size_t n, co_await inner_.Read(buffer));
    CO_RETURN_IF_ERROR(SpendBytes(lease_, n));
    co_return n;
  }
  Task<Result<void>> Write(std::string_view bytes) override {
    CO_RETURN_IF_ERROR(SpendBytes(lease_, bytes.size()));
    inner_.set_write_timeout(write_timeout());
    co_return co_await inner_.Write(bytes);
  }
  Task<Result<void>> CloseWrite() override { return inner_.CloseWrite(); }
  void MarkAborted() override { inner_.MarkAborted(); }

 private:
  net::ByteStream& inner_;
  Lease& lease_;
};

}  // namespace

Task<Result<void>> StreamTunnel::Run(Duration idle) {
  if (lease() == nullptr) co_return co_await net::Pump(client_, server_, &totals_, idle);
  MeteredStream metered(client_, *lease());
  co_return co_await net::Pump(metered, server_, &totals_, idle);
}

Task<void> RunTunnel(Box& box, Tunnel& tunnel, Ledger& ledger, StillAllowed still_allowed) {
  struct AbortUnlessDone {
    Tunnel& tunnel;
    bool done = false;
    ~AbortUnlessDone() {
      if (!done) tunnel.Abort();
    }
  } guard{tunnel};
  Result<void> result;
  async::Event done;
  if (ledger.lease().counts_bytes()) tunnel.Meter(ledger.lease());
  async::TaskGroup group;
  group.Spawn(RunAndTell(tunnel, box.deps.limits.tunnel_idle_timeout, &result, &done));
  const Flows::Member member(box.flows, done);
  while (!done.is_set()) {
    if (!still_allowed()) {
      ledger.set_outcome(Reason::kRevoked);
      co_return;
    }
    co_await done.Wait();
  }
  if (!result) {
    ledger.set_outcome(ReasonOf(result.error()), result.error().message());
    co_return;
  }
  guard.done = true;
}

}  // namespace cove::gateway
