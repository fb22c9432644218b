// An HTTP/2 connection (RFC 9113), either end: libnghttp2 between a ByteStream and the streams.
//
// The library parses, validates strictly, compresses and keeps the windows; here are the reading
// and the writing task, and the limits on what a peer can make us do for nothing: the size of a
// head (as decoded, so that a compressed bomb counts whole), streams that end abnormally (rapid
// reset, from either side), and frames that ask for work but carry nothing (SETTINGS, PING,
// PRIORITY, empty DATA). What goes over ends the connection with ENHANCE_YOUR_CALM.
// CONTINUATION frames are bounded by the library.
// Internal to http. Thread: loop-confined.
#pragma once

#include <map>

#include "async/task_group.h"
#include "base/rate_limit.h"
#include "http/http2_stream.h"

struct nghttp2_session;

namespace cove::http::internal {

struct Http2Limits {
  size_t head_bytes_max = 64 * 1024;
  uint32_t streams_max = 100;          // that the peer may have open
  uint32_t stream_window = 64 * 1024;  // bytes of a body that wait to be read
  uint32_t connection_window = 1024 * 1024;
  Duration idle_timeout = seconds(75);  // without any stream
  Duration write_timeout = seconds(300);
};

std::string Http2ErrorName(uint32_t code);

class Http2Pairs;

class Http2Session {
 public:
  enum class Side { kServer, kClient };
  Http2Session(Side side, net::StreamPtr stream, const Http2Limits& limits);
  virtual ~Http2Session();
  Http2Session(const Http2Session&) = delete;

  // Serves the connection until it ends; every stream is closed then.
  Task<void> Run();
  // No new streams from now on; what is under way comes to its end.
  void GoAway();

  // For the streams.
  void Consumed(Http2Stream& stream, size_t bytes);
  void ResumeBody(Http2Stream& stream);
  void ResetStream(Http2Stream& stream, uint32_t code);
  // kYes: the stream's writer has more to say.
  enum class BodyFollows { kNo, kYes };
  Result<void> SubmitResponse(Http2Stream& stream, const Http2Pairs& pairs, BodyFollows body);
  Result<void> SubmitContinue(Http2Stream& stream);

 protected:
  // A head is whole: a request, or a final response. Called by the library: must not wait.
  virtual void OnHead(Http2Stream& stream) = 0;
  virtual void OnClosed(Http2Stream& stream) = 0;
  virtual void OnGoAway() {}
  // The peer sent a head that the library does not accept; its stream is reset.
  virtual void OnRefused(std::string_view /*why*/) {}
  // Where what belongs to closed streams may be destroyed.
  virtual void Sweep() {}

  // Client: opens a stream.
  Result<void> SubmitRequest(const Http2StreamPtr& stream, const Http2Pairs& pairs,
                             BodyFollows body);
  Http2StreamPtr Shared(const Http2Stream& stream) const { return streams_.at(stream.id); }
  bool over() const { return over_; }
  void Wake() { wake_.Set(); }

 private:
  struct Callbacks;
  friend struct Callbacks;
  Task<void> ReadAll();
  Task<void> WriteAll(async::Event* ended);
  int AddField(Http2Stream& stream, std::string_view name, std::string_view value);
  void HeadDone(Http2Stream& stream);
  void Close(Http2Stream& stream, uint32_t code);
  void CloseAll();
  void Calm();

  const Side side_;
  const Http2Limits limits_;
  net::StreamPtr stream_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, Http2StreamPtr> streams_;
  RateLimit abnormal_ends_{50, 200};
  RateLimit idle_frames_{2000, 10'000};
  // One for each 16 KiB is usual, so this is over 1 GB/s.
  RateLimit window_frames_{100'000, 200'000};
  bool calmed_ = false;
  bool reading_ended_ = false;
  bool over_ = false;
  async::Event wake_;
};

}  // namespace cove::http::internal
