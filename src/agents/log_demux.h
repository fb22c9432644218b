// LogDemux separates a command's log into its two streams. In the log, three bytes 01 switch to
// standard output and three bytes 02 to standard error; what stands before the first marker is
// nobody's. A marker may be cut anywhere. Source: the Daytona API's session logs.
// Thread: loop-confined, no I/O.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace cove::agents {

class LogDemux {
 public:
  enum class Stream { kNone, kStdout, kStderr };
  using Sink = std::function<void(Stream stream, std::string_view bytes)>;
  explicit LogDemux(Sink sink) : sink_(std::move(sink)) {}

  void Feed(std::string_view bytes);
  // After the last byte: what looked like the start of a marker was none.
  void End();

 private:
  void Emit(std::string_view bytes) {
    if (stream_ != Stream::kNone && !bytes.empty()) sink_(stream_, bytes);
  }
  Sink sink_;
  Stream stream_ = Stream::kNone;
  std::string held_;  // at most two bytes
};

}  // namespace cove::agents
