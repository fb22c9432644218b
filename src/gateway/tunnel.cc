#include "gateway/tunnel.h"

#include <algorithm>

#include "async/task_group.h"

namespace cove::gateway {
namespace {

using policy::Reason;

Task<void> PumpAndTell(net::ByteStream& a, net::ByteStream& b, net::PumpTotals* totals,
                       Duration idle, Result<void>* result, async::Event* done) {
  *result = co_await net::Pump(a, b, totals, idle);
  done->Set();
}

Reason ReasonOf(const Error& error) {
  return error.code() == Code::kTimeout ? Reason::kIdle : Reason::kBroken;
}

}  // namespace

Task<void> RunTunnel(Box& box, net::ByteStream& client, net::ByteStream& server, Ledger& ledger,
                     StillAllowed still_allowed) {
  struct AbortUnlessDone {
    net::ByteStream& a;
    net::ByteStream& b;
    bool done = false;
    ~AbortUnlessDone() {
      if (done) return;
      a.MarkAborted();
      b.MarkAborted();
    }
  } guard{client, server};
  net::PumpTotals totals;
  Result<void> result;
  async::Event done;
  async::TaskGroup group;
  group.Spawn(
      PumpAndTell(client, server, &totals, box.deps.limits.tunnel_idle_timeout, &result, &done));
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

Task<Result<size_t>> UndecidedClient::Read(std::span<char> buffer) {
  while (!passing_) {
    CO_ASSIGN_OR_RETURN(const size_t n, co_await client_.Read(buffer));
    if (n == 0 && held_.empty()) co_return size_t{0};
    const std::string_view bytes(buffer.data(), n);
    const bool first = held_.empty();
    held_.append(bytes);
    if (passing_ && first) break;  // the server spoke while we waited
    const auto kind = first_.Feed(bytes);
    if (n != 0 && kind == FirstBytes::Kind::kNeedMore) continue;
    verdict_ = n == 0 ? Reason::kClientClosed : judge_(first_);
    if (verdict_ != Reason::kAllowed) {
      co_return Error(Code::kDenied, std::string(policy::ReasonText(verdict_)));
    }
    passing_ = true;
  }
  if (!held_.empty()) {
    const size_t n = std::min(buffer.size(), held_.size());
    std::copy_n(held_.data(), n, buffer.data());
    held_.erase(0, n);
    co_return n;
  }
  co_return co_await client_.Read(buffer);
}

Task<Result<void>> UndecidedClient::Write(std::string_view bytes) {
  if (held_.empty()) passing_ = true;
  return client_.Write(bytes);
}

}  // namespace cove::gateway
