// UsageChunkFilter takes the chunk out of a chat completion's stream that tells the usage, for a
// client that did not ask for it. Everything else passes byte for byte, each event at the moment
// its last byte is here. That chunk is one with a usage and no choices: none, null or an empty
// list, as servers differ; also where the stream ends before its blank line. Memory: one event, at
// most kEventBytesMax. Thread: loop-confined, no I/O.
#pragma once

#include <string>
#include <string_view>

#include "codec/sse_data.h"

namespace cove::bridge {

class UsageChunkFilter {
 public:
  static constexpr size_t kEventBytesMax = 1024 * 1024;  // a larger one passes
  // What passes now; lives until the next call.
  std::string_view Feed(std::string_view bytes);
  // At the end of the stream: what was held.
  std::string_view Finish();

 private:
  static constexpr size_t kKeptBytes = 16 * 1024;  // of the room that a large event took
  bool IsUsageChunk() const;
  void Forget();

  codec::SseData sse_;
  std::string event_;     // the bytes of the event under way
  std::string data_;      // its data
  bool passing_ = false;  // it is too large
  bool dropped_ = false;  // the last event was
  std::string out_;
};

}  // namespace cove::bridge
