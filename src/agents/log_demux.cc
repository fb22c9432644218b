#include "agents/log_demux.h"

namespace cove::agents {

namespace {

constexpr std::string_view kOut = "\x01\x01\x01";
constexpr std::string_view kErr = "\x02\x02\x02";

// How many bytes at the end may be the start of a marker.
size_t OpenTail(std::string_view bytes) {
  for (size_t n = 2; n > 0; --n) {
    if (bytes.ends_with(kOut.substr(0, n)) || bytes.ends_with(kErr.substr(0, n))) return n;
  }
  return 0;
}

}  // namespace

void LogDemux::Feed(std::string_view bytes) {
  std::string joined;
  if (!held_.empty()) {
    joined = std::move(held_);
    held_.clear();
    joined += bytes;
    bytes = joined;
  }
  for (;;) {
    const size_t at = std::min(bytes.find(kOut), bytes.find(kErr));
    if (at == std::string_view::npos) break;
    Emit(bytes.substr(0, at));
    stream_ = bytes[at] == '\x01' ? Stream::kStdout : Stream::kStderr;
    bytes.remove_prefix(at + 3);
  }
  const size_t tail = OpenTail(bytes);
  Emit(bytes.substr(0, bytes.size() - tail));
  held_ = bytes.substr(bytes.size() - tail);
}

void LogDemux::End() {
  Emit(held_);
  held_.clear();
}

}  // namespace cove::agents
