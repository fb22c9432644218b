// ByteStream: two directions of bytes with back-pressure, whatever carries them (TCP, a unix
// socket, TLS, a test's script).
//
// Read gives 0 at the end of the stream. Write returns when all was handed to the carrier. Every
// wait ends at the stream's time-outs with kTimeout (off until set). At most one Read and one
// Write run at a time. Destroying the stream closes it. The buffers passed must outlive the call.
// Thread: loop-confined.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "async/task.h"
#include "base/clock.h"
#include "base/result.h"

namespace cove::net {

using async::Task;

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  virtual Task<Result<size_t>> Read(std::span<char> buffer) = 0;
  virtual Task<Result<void>> Write(std::string_view bytes) = 0;
  // Tells the peer that no more bytes come (FIN, close_notify). Reading goes on.
  virtual Task<Result<void>> CloseWrite() = 0;
  // Makes the close that follows a reset (RST), never an orderly end.
  virtual void MarkAborted() {}
  // The socket when bytes may be moved by the kernel (splice), else -1.
  virtual int PlainFd() const { return -1; }

  // Whether an idle connection looks usable: the peer has neither closed it nor sent something
  // unasked. A guess that waits for nothing; the connection may break right after it.
  virtual bool LooksIdle() { return true; }

  void set_read_timeout(Duration d) { read_timeout_ = d; }
  void set_write_timeout(Duration d) { write_timeout_ = d; }
  Duration read_timeout() const { return read_timeout_; }
  Duration write_timeout() const { return write_timeout_; }

 protected:
  TimePoint ReadDeadline() const { return DeadlineAfter(read_timeout_); }
  TimePoint WriteDeadline() const { return DeadlineAfter(write_timeout_); }

 private:
  static TimePoint DeadlineAfter(Duration d) { return d == Duration::zero() ? kNever : Now() + d; }
  Duration read_timeout_{};
  Duration write_timeout_{};
};

using StreamPtr = std::unique_ptr<ByteStream>;

// Reads exactly buffer.size() bytes; kClosed if the stream ends before.
Task<Result<void>> ReadExactly(ByteStream& stream, std::span<char> buffer);

struct PumpTotals {
  uint64_t a_to_b = 0;
  uint64_t b_to_a = 0;
};

// Copies both ways until both directions have ended, passing half-closes on. An error on either
// side ends both. `totals` counts as bytes move, so it is right even if the pump is cancelled; it
// must outlive the call. `idle` ends the pump when nothing moved for so long (zero: never).
Task<Result<void>> Pump(ByteStream& a, ByteStream& b, PumpTotals* totals, Duration idle = {});

}  // namespace cove::net
