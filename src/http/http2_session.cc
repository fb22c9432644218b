#include "http/http2_session.h"

#include <nghttp2/nghttp2.h>

#include "base/text.h"
#include "http/http2_fields.h"

namespace cove::http::internal {
namespace {

constexpr size_t kReadBytes = 16 * 1024;
constexpr size_t kWriteBytes = 64 * 1024;  // given to the stream at once
constexpr size_t kFieldOverhead = 32;      // RFC 9113 section 6.5.2
constexpr size_t kBombFactor = 4;  // a head so far over its limit is an attack, not a mistake
constexpr int kInterimMax = 16;
constexpr int kReadsPerTurn = 8;
constexpr size_t kFieldsMax = 256;          // as for HTTP/1
constexpr Duration kFarewell = seconds(2);  // for the last words to a peer that may not read

std::string_view View(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace

std::string Http2ErrorName(uint32_t code) { return nghttp2_http2_strerror(code); }

struct Http2Session::Callbacks {
  static Http2Session& Of(void* user) { return *static_cast<Http2Session*>(user); }
  static Http2Stream* Find(void* user, int32_t id) {
    auto& streams = Of(user).streams_;
    const auto it = streams.find(id);
    return it == streams.end() ? nullptr : it->second.get();
  }

  static int BeginFrame(nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
    Http2Session& self = Of(user);
    switch (head->type) {
      case NGHTTP2_HEADERS:
      case NGHTTP2_CONTINUATION:
        return 0;
      case NGHTTP2_WINDOW_UPDATE:
        if (!self.window_frames_.Take(Now())) self.Calm();
        return 0;
      case NGHTTP2_DATA:
        if (head->length != 0 || (head->flags & NGHTTP2_FLAG_END_STREAM) != 0) return 0;
        break;
      default:
        break;
    }
    if (!self.idle_frames_.Take(Now())) self.Calm();
    return 0;
  }

  static int BeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Session& self = Of(user);
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    auto stream = std::make_shared<Http2Stream>();
    stream->id = frame->hd.stream_id;
    stream->session = &self;
    self.streams_[stream->id] = std::move(stream);
    return 0;
  }

  static int Header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                    size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                    void* user) {
    Http2Stream* stream = Find(user, frame->hd.stream_id);
    if (stream == nullptr || frame->hd.type != NGHTTP2_HEADERS) return 0;
    return Of(user).AddField(*stream, View(name, name_size), View(value, value_size));
  }

  // A field with bytes that none may have. The library would leave it out and go on.
  static int InvalidHeader(nghttp2_session*, const nghttp2_frame*, const uint8_t*, size_t,
                           const uint8_t*, size_t, uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int InvalidFrame(nghttp2_session*, const nghttp2_frame* frame, int why, void* user) {
    if (frame->hd.type == NGHTTP2_HEADERS) Of(user).OnRefused(nghttp2_strerror(why));
    return 0;
  }

  static int FrameReceived(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Session& self = Of(user);
    if (frame->hd.type == NGHTTP2_GOAWAY) self.OnGoAway();
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    Http2Stream* stream = Find(user, frame->hd.stream_id);
    if (stream == nullptr) return 0;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) stream->in_ended = true;
    if (frame->hd.type == NGHTTP2_HEADERS && !stream->head_done) self.HeadDone(*stream);
    stream->changed.NotifyAll();
    return 0;
  }

  static int FrameSent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Stream* stream = Find(user, frame->hd.stream_id);
    if (stream != nullptr && frame->hd.type == NGHTTP2_HEADERS) {
      stream->head_sent = true;
      stream->changed.NotifyAll();
    }
    return 0;
  }

  // The library holds the peer to the stream's window, so this is bounded.
  static int DataChunk(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data,
                       size_t size, void* user) {
    nghttp2_session_consume_connection(session, size);
    Http2Stream* stream = Find(user, id);
    if (stream == nullptr) return 0;
    stream->in.erase(0, std::exchange(stream->in_taken, 0));
    stream->in.append(View(data, size));
    stream->changed.NotifyAll();
    return 0;
  }

  static int StreamClosed(nghttp2_session*, int32_t id, uint32_t code, void* user) {
    Http2Session& self = Of(user);
    const auto it = self.streams_.find(id);
    if (code != NGHTTP2_NO_ERROR && !self.abnormal_ends_.Take(Now())) self.Calm();
    if (it == self.streams_.end()) return 0;
    const Http2StreamPtr stream = it->second;
    self.streams_.erase(it);
    self.Close(*stream, code);
    return 0;
  }

  static ssize_t ReadBody(nghttp2_session* session, int32_t id, uint8_t* buffer, size_t room,
                          uint32_t* flags, nghttp2_data_source*, void* user) {
    Http2Stream* stream = Find(user, id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const size_t n = std::min(room, stream->out.size());
    std::copy_n(stream->out.data(), n, buffer);
    stream->out.remove_prefix(n);
    if (!stream->out.empty()) return static_cast<ssize_t>(n);
    stream->changed.NotifyAll();
    if (!stream->out_ending) return n == 0 ? NGHTTP2_ERR_DEFERRED : static_cast<ssize_t>(n);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream->out_trailers.size() != 0) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const Http2Pairs pairs(stream->out_trailers);
      nghttp2_submit_trailer(session, id, pairs.data(), pairs.size());
    }
    stream->out_done = true;
    return static_cast<ssize_t>(n);
  }

  static nghttp2_session_callbacks* Make() {
    nghttp2_session_callbacks* all = nullptr;
    nghttp2_session_callbacks_new(&all);
    nghttp2_session_callbacks_set_on_begin_frame_callback(all, BeginFrame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(all, BeginHeaders);
    nghttp2_session_callbacks_set_on_header_callback(all, Header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(all, InvalidHeader);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(all, InvalidFrame);
    nghttp2_session_callbacks_set_on_frame_recv_callback(all, FrameReceived);
    nghttp2_session_callbacks_set_on_frame_send_callback(all, FrameSent);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, DataChunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(all, StreamClosed);
    return all;
  }
};

Http2Session::Http2Session(Side side, net::StreamPtr stream, const Http2Limits& limits)
    : side_(side), limits_(limits), stream_(std::move(stream)) {
  nghttp2_session_callbacks* callbacks = Callbacks::Make();
  nghttp2_option* options = nullptr;
  nghttp2_option_new(&options);
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_no_closed_streams(options, 1);
  if (side == Side::kServer) {
    nghttp2_session_server_new2(&session_, callbacks, this, options);
  } else {
    nghttp2_session_client_new2(&session_, callbacks, this, options);
  }
  nghttp2_option_del(options);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits_.streams_max},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits_.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(limits_.head_bytes_max)},
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
  };
  // A server must not speak of push (RFC 9113 section 6.5.2); it comes last for that.
  const size_t count = std::size(settings) - (side == Side::kServer ? 1 : 0);
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, count);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(limits_.connection_window));
}

Http2Session::~Http2Session() {
  for (const auto& [id, stream] : streams_) stream->session = nullptr;
  nghttp2_session_del(session_);
}

void Http2Session::Calm() {
  if (calmed_) return;
  calmed_ = true;
  nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
}

void Http2Session::Close(Http2Stream& stream, uint32_t code) {
  stream.closed = true;
  stream.error_code = code;
  stream.session = nullptr;
  stream.changed.NotifyAll();
  OnClosed(stream);
}

void Http2Session::CloseAll() {
  over_ = true;
  auto all = std::move(streams_);
  streams_.clear();
  for (const auto& [id, stream] : all) {
    stream->connection_lost = true;
    Close(*stream, kH2Cancel);
  }
}

int Http2Session::AddField(Http2Stream& stream, std::string_view name, std::string_view value) {
  stream.head_bytes += name.size() + value.size() + kFieldOverhead;
  if (stream.head_bytes > limits_.head_bytes_max || ++stream.head_fields > kFieldsMax) {
    stream.head_too_large = true;
    return stream.head_bytes > kBombFactor * limits_.head_bytes_max ? NGHTTP2_ERR_CALLBACK_FAILURE
                                                                    : 0;
  }
  if (stream.head_done) {
    stream.trailers.Add(std::string(name), std::string(value));
  } else {
    AddToHead(stream.head, name, value);
  }
  return 0;
}

void Http2Session::HeadDone(Http2Stream& stream) {
  if (side_ == Side::kClient && stream.head.status.starts_with('1')) {
    stream.head = {};
    if (++stream.interim_heads > kInterimMax) ResetStream(stream, kH2EnhanceYourCalm);
    return;
  }
  stream.head_done = true;
  OnHead(stream);
}

void Http2Session::Consumed(Http2Stream& stream, size_t bytes) {
  nghttp2_session_consume_stream(session_, stream.id, bytes);
  Wake();
}

void Http2Session::ResumeBody(Http2Stream& stream) {
  nghttp2_session_resume_data(session_, stream.id);
  Wake();
}

void Http2Session::ResetStream(Http2Stream& stream, uint32_t code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, code);
  Wake();
}

void Http2Session::GoAway() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  Wake();
}

Result<void> Http2Session::SubmitResponse(Http2Stream& stream, const Http2Pairs& pairs,
                                          BodyFollows body) {
  nghttp2_data_provider provider{};
  provider.read_callback = Callbacks::ReadBody;
  const int done = nghttp2_submit_response(session_, stream.id, pairs.data(), pairs.size(),
                                           body == BodyFollows::kYes ? &provider : nullptr);
  if (done != 0) return Error(Code::kClosed, std::string("HTTP/2: ") + nghttp2_strerror(done));
  Wake();
  return Ok();
}

Result<void> Http2Session::SubmitContinue(Http2Stream& stream) {
  Http2Pairs pairs;
  pairs.Add(":status", "100");
  const int done = nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id, nullptr,
                                          pairs.data(), pairs.size(), nullptr);
  if (done != 0) return Error(Code::kClosed, std::string("HTTP/2: ") + nghttp2_strerror(done));
  Wake();
  return Ok();
}

Result<void> Http2Session::SubmitRequest(const Http2StreamPtr& stream, const Http2Pairs& pairs,
                                         BodyFollows body) {
  nghttp2_data_provider provider{};
  provider.read_callback = Callbacks::ReadBody;
  const int32_t id =
      nghttp2_submit_request(session_, nullptr, pairs.data(), pairs.size(),
                             body == BodyFollows::kYes ? &provider : nullptr, nullptr);
  if (id < 0) return Error(Code::kClosed, std::string("HTTP/2: ") + nghttp2_strerror(id));
  stream->id = id;
  stream->session = this;
  streams_[id] = stream;
  Wake();
  return Ok();
}

Task<void> Http2Session::ReadAll() {
  std::vector<char> buffer(kReadBytes);
  for (int reads = 0;;) {
    stream_->set_read_timeout(limits_.idle_timeout);
    const auto n = co_await stream_->Read(buffer);
    if (!n && n.error().code() == Code::kTimeout) {
      if (!streams_.empty()) continue;
      nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
      break;
    }
    if (!n || *n == 0) break;
    const ssize_t used =
        nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(buffer.data()), *n);
    Sweep();
    // A peer that sends without end must not keep the others waiting.
    if (++reads % kReadsPerTurn == 0) co_await async::Yield();
    if (used < 0) {
      const bool flood = used == NGHTTP2_ERR_CALLBACK_FAILURE || used == NGHTTP2_ERR_FLOODED;
      nghttp2_session_terminate_session(session_,
                                        flood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
      break;
    }
    Wake();
  }
  reading_ended_ = true;
  CloseAll();
  Wake();
}

Task<void> Http2Session::WriteAll(async::Event* ended) {
  std::string out;
  for (;;) {
    Sweep();
    while (out.size() < kWriteBytes) {
      const uint8_t* data = nullptr;
      const ssize_t n = nghttp2_session_mem_send(session_, &data);
      if (n <= 0) break;
      out.append(View(data, static_cast<size_t>(n)));
    }
    if (!out.empty()) {
      stream_->set_write_timeout(reading_ended_ || calmed_ ? kFarewell : limits_.write_timeout);
      if (!co_await stream_->Write(out)) break;
      out.clear();
      continue;
    }
    if (reading_ended_ ||
        !(nghttp2_session_want_read(session_) != 0 || nghttp2_session_want_write(session_) != 0)) {
      (void)co_await stream_->CloseWrite();
      break;
    }
    out = std::string();
    co_await wake_.Wait();
    wake_.Reset();
  }
  ended->Set();
}

Task<void> Http2Session::Run() {
  async::Event ended;
  {
    async::TaskGroup group;
    group.Spawn(ReadAll());
    group.Spawn(WriteAll(&ended));
    co_await ended.Wait();
  }
  CloseAll();
}

}  // namespace cove::http::internal
