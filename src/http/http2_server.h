// The server's end of HTTP/2: each stream is an Exchange for the same handler as HTTP/1's.
// A stream that the peer resets takes its handler with it. Internal to http. Thread:
// loop-confined.
#pragma once

#include "async/task_group.h"
#include "http/http2_session.h"
#include "http/server.h"

namespace cove::http::internal {

class Http2Exchange final : public Exchange {
 public:
  Http2Exchange(Http2StreamPtr stream, const ServerLimits& limits, const std::string& peer);
  const RequestHead& request() const override { return request_; }
  BodyReader& body() override { return body_reader_; }
  std::string peer() const override { return peer_; }
  bool answered() const override { return answered_; }
  bool multiplexed() const override { return true; }
  Task<Result<void>> Respond(ResponseHead head, std::string body) override;
  Task<Result<BodyWriter*>> StartResponse(ResponseHead head) override;
  Task<Result<net::StreamPtr>> TakeOver(ResponseHead head) override;
  Task<void> PeerClosed() override;

  // After the handler: answers for it if it did not; a cut answer is reset.
  Task<void> Settle();

 private:
  // Says "100 Continue" before the first read.
  class Body final : public BodyReader {
   public:
    explicit Body(Http2Exchange* exchange) : exchange_(exchange) {}
    Task<Result<size_t>> Read(std::span<char> buffer) override;
    std::optional<uint64_t> length() const override { return exchange_->body_.length(); }
    const Headers* trailers() const override { return exchange_->body_.trailers(); }

   private:
    Http2Exchange* exchange_;
  };

  Http2StreamPtr stream_;
  const ServerLimits& limits_;
  const std::string& peer_;
  RequestHead request_;
  Http2Body body_;
  Body body_reader_{this};
  bool expect_pending_;
  bool answered_ = false;
  std::optional<Http2Writer> writer_;
};

class Http2Server final : public Http2Session {
 public:
  // `handler`, `refused`, `admit` and `limits` outlive it.
  Http2Server(const Handler& handler, const Refused& refused, const Admit& admit,
              const ServerLimits& limits, net::StreamPtr stream, std::string peer);

 private:
  struct Call {
    Call(Http2StreamPtr s, const ServerLimits& limits, const std::string& peer)
        : stream(s), exchange(std::move(s), limits, peer) {}
    std::shared_ptr<void> place;  // what Admit gave
    Http2StreamPtr stream;
    Http2Exchange exchange;
    bool done = false;
    async::TaskGroup task;
  };
  void OnHead(Http2Stream& stream) override;
  void RefuseLargeHead(Http2Stream& stream);
  void OnClosed(Http2Stream& stream) override;
  void OnRefused(std::string_view why) override;
  void Sweep() override;
  Task<void> Serve(Call* call);

  const Handler& handler_;
  const Refused& refused_;
  const Admit& admit_;
  const ServerLimits& limits_;
  const std::string peer_;
  std::vector<int32_t> to_drop_;
  std::map<int32_t, std::unique_ptr<Call>> calls_;
};

}  // namespace cove::http::internal
