// UnlessGone(exchange, work): the work's result, or kGone as soon as the client hangs up, in
// which case the work is cancelled. For work that may take long and writes nothing meanwhile;
// without it a command whose client went away would run on, and keep its sandbox from stopping.
// REQUIRES: the request's body is read to its end. Thread: loop-confined.
#pragma once

#include "async/deadline.h"
#include "http/server.h"

namespace cove::api {

namespace internal {
inline async::Task<void> NotePeerClosed(http::Exchange* exchange, async::Event* over) {
  co_await exchange->PeerClosed();
  over->Set();
}
}  // namespace internal

template <class T>
async::Task<Result<T>> UnlessGone(http::Exchange& exchange, async::Task<Result<T>> work) {
  std::optional<Result<T>> out;
  async::Event over;
  async::TaskGroup group;
  group.Spawn(async::internal::StoreResult<T>(std::move(work), &out, &over));
  group.Spawn(internal::NotePeerClosed(&exchange, &over));
  co_await over.Wait();
  if (!out) co_return Error(Code::kGone, "the client went away");
  co_return std::move(*out);
}

}  // namespace cove::api
