// What handlers below /toolbox/{sandbox} share. Thread: loop-confined.
#pragma once

#include "api/call.h"
#include "proto/toolbox_client.h"

namespace cove::api {

namespace toolbox = proto::toolbox;

// The way into the call's sandbox. kConflict, with what to do, unless it is started.
Result<toolbox::ToolboxClient> OpenToolbox(Call& call);

// Log bytes as clients take them apart: three bytes 01 tell that standard output follows, three
// bytes 02 standard error, until the next such marker. A marker is written only where the stream
// changes, so output without errors never mentions the second.
class LogMarker {
 public:
  enum class Stream { kNone, kStdout, kStderr };
  // `data` with the marker in front where one is needed.
  std::string Mark(Stream stream, std::string_view data);

 private:
  Stream last_ = Stream::kNone;
};

// What of a text fits into a close frame (RFC 6455, 5.5.1), or into `size_max` bytes; what is
// longer is cut between words and ends in "...".
std::string CloseReason(std::string_view text, size_t size_max = 123);

// The subprotocol to select for a client that sends what a header would say as one (browsers
// cannot set headers): its version token; empty when it offered none.
std::string VersionSubprotocol(const http::RequestHead& request);

}  // namespace cove::api
