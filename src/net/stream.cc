#include "net/stream.h"

#include <vector>

#include "async/task_group.h"

namespace cove::net {

Task<Result<void>> ReadExactly(ByteStream& stream, std::span<char> buffer) {
  size_t have = 0;
  while (have < buffer.size()) {
    CO_ASSIGN_OR_RETURN(const size_t n, co_await stream.Read(buffer.subspan(have)));
    if (n == 0) co_return Error(Code::kClosed, "the peer closed the connection");
    have += n;
  }
  co_return Ok();
}

namespace {

constexpr size_t kPumpBuffer = 64 * 1024;

struct PumpState {
  int open = 2;
  Result<void> result;
  TimePoint last_activity = Now();
  async::Event done;
};

Task<void> PumpOneWay(ByteStream& from, ByteStream& to, uint64_t* count, PumpState* state) {
  std::vector<char> buffer(kPumpBuffer);
  for (;;) {
    auto n = co_await from.Read(buffer);
    if (!n) {
      state->result = std::move(n).error();
      state->done.Set();
      co_return;
    }
    state->last_activity = Now();
    auto written =
        *n == 0 ? co_await to.CloseWrite() : co_await to.Write(std::string_view(buffer.data(), *n));
    if (!written) {
      state->result = std::move(written).error();
      state->done.Set();
      co_return;
    }
    if (*n == 0) break;
    *count += *n;
  }
  if (--state->open == 0) state->done.Set();
}

}  // namespace

Task<Result<void>> Pump(ByteStream& a, ByteStream& b, PumpTotals* totals, Duration idle) {
  PumpState state;
  async::TaskGroup group;
  group.Spawn(PumpOneWay(a, b, &totals->a_to_b, &state));
  group.Spawn(PumpOneWay(b, a, &totals->b_to_a, &state));
  for (;;) {
    const TimePoint deadline = idle == Duration::zero() ? kNever : state.last_activity + idle;
    if (co_await state.done.Wait(deadline)) break;
    if (Now() >= state.last_activity + idle) {
      co_return Error(Code::kTimeout, "no byte moved for too long");
    }
  }
  co_return std::move(state.result);
}

}  // namespace cove::net
