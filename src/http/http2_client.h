// The client's end of HTTP/2: one connection to an origin, shared by requests. Internal to http.
// Thread: loop-confined.
#pragma once

#include "async/task_group.h"
#include "http/client.h"
#include "http/http2_session.h"

namespace cove::http::internal {

class Http2Client final : public Http2Session {
 public:
  Http2Client(net::StreamPtr stream, const ClientLimits& limits);

  // Whether it takes new requests.
  bool open() const { return !over() && !leaving_; }

 private:
  friend class Http2Response;
  void OnHead(Http2Stream&) override {}
  void OnClosed(Http2Stream&) override {}
  void OnGoAway() override { leaving_ = true; }

  bool leaving_ = false;
};

class Http2Response final : public ClientResponse {
 public:
  Http2Response(std::shared_ptr<Http2Client> client, std::shared_ptr<const ClientRequest> request);
  ~Http2Response() override;

  // Sends the request and waits for the head of its answer.
  Task<Result<void>> Start();
  // After a failed Start(): the server has not looked at the request.
  bool untouched() const { return untouched_; }
  // The connection ended before the answer.
  bool connection_lost() const { return stream_->connection_lost; }

  const ResponseHead& head() const override { return head_; }
  BodyReader& body() override { return body_; }
  net::StreamPtr TakeStream() override { return nullptr; }

 private:
  Task<void> Upload();
  Task<Result<void>> UploadStream();

  std::shared_ptr<Http2Client> client_;
  std::shared_ptr<const ClientRequest> request_;
  Http2StreamPtr stream_;
  ResponseHead head_;
  Http2Body body_;
  Http2Writer writer_;
  bool untouched_ = false;
  async::TaskGroup upload_;
};

}  // namespace cove::http::internal
