// Test doubles for streams: ScriptStream reads what a test fed it, piece by piece, and keeps what
// was written; its Script stays with the test after the stream has moved away.
// Thread: loop-confined.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <string>

#include "async/event.h"
#include "net/stream.h"

namespace cove::net {

struct Script {
  std::deque<std::string> pieces;  // each Read gives at most one of them
  bool ended = false;              // after the last piece: end of stream, else Read waits
  std::string written;
  bool write_closed = false;
  bool aborted = false;
  bool destroyed = false;
  Result<void> write_result;  // what every Write answers
  async::Event changed;

  void Feed(std::string piece) {
    if (!piece.empty()) pieces.push_back(std::move(piece));
    changed.NotifyAll();
  }
  void End() {
    ended = true;
    changed.NotifyAll();
  }
};

class ScriptStream final : public ByteStream {
 public:
  explicit ScriptStream(std::shared_ptr<Script> script) : script_(std::move(script)) {}
  ~ScriptStream() override {
    script_->destroyed = true;
    script_->changed.NotifyAll();
  }
  Task<Result<size_t>> Read(std::span<char> buffer) override {
    while (script_->pieces.empty()) {
      if (script_->ended) co_return size_t{0};
      const TimePoint deadline = ReadDeadline();
      if (!co_await script_->changed.Wait(deadline)) {
        co_return Error(Code::kTimeout, "reading took too long");
      }
    }
    std::string& piece = script_->pieces.front();
    const size_t size = std::min(buffer.size(), piece.size());
    std::copy_n(piece.data(), size, buffer.data());
    piece.erase(0, size);
    if (piece.empty()) script_->pieces.pop_front();
    co_return size;
  }
  Task<Result<void>> Write(std::string_view bytes) override {
    if (script_->write_result.ok()) {
      script_->written += bytes;
      script_->changed.NotifyAll();
    }
    co_return script_->write_result;
  }
  Task<Result<void>> CloseWrite() override {
    script_->write_closed = true;
    script_->changed.NotifyAll();
    co_return Ok();
  }
  void MarkAborted() override { script_->aborted = true; }
  bool LooksIdle() override { return script_->pieces.empty() && !script_->ended; }

 private:
  std::shared_ptr<Script> script_;
};

}  // namespace cove::net
