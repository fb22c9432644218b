// An exchange without a connection: the request is given, the answer is kept.
#pragma once

#include "async/event.h"
#include "http/server.h"

namespace cove::api {

class FakeExchange final : public http::Exchange, http::BodyReader, http::BodyWriter {
 public:
  FakeExchange(std::string method, std::string target, std::string body = {}) : body_(body) {
    request_.method = std::move(method);
    request_.target = std::move(target);
    request_.headers.Add("Host", "127.0.0.1:3986");
    if (!body_.empty()) request_.headers.Add("Content-Length", std::to_string(body_.size()));
  }
  http::Headers& headers() { return request_.headers; }

  const http::RequestHead& request() const override { return request_; }
  http::BodyReader& body() override { return *this; }
  std::string peer() const override { return "127.0.0.1"; }
  bool answered() const override { return answered_; }
  async::Task<Result<void>> Respond(http::ResponseHead head, std::string body) override {
    answered_ = finished = true;
    answer = std::move(head);
    text = std::move(body);
    co_return Ok();
  }
  async::Task<Result<http::BodyWriter*>> StartResponse(http::ResponseHead head) override {
    answered_ = true;
    answer = std::move(head);
    co_return static_cast<http::BodyWriter*>(this);
  }
  async::Task<Result<net::StreamPtr>> TakeOver(http::ResponseHead head) override {
    answered_ = finished = true;
    answer = std::move(head);
    auto pair = net::StreamPair();
    client = std::make_unique<net::SocketStream>(std::move(pair->first));
    co_return std::make_unique<net::SocketStream>(std::move(pair->second));
  }

  async::Task<void> PeerClosed() override { co_await peer_closed.Wait(); }

  async::Event peer_closed;
  http::ResponseHead answer;
  std::string text;
  bool finished = false;
  net::StreamPtr client;  // after a take-over: the client's end

 private:
  async::Task<Result<size_t>> Read(std::span<char> buffer) override {
    const size_t n = std::min(buffer.size(), body_.size() - at_);
    body_.copy(buffer.data(), n, at_);
    at_ += n;
    co_return n;
  }
  std::optional<uint64_t> length() const override { return body_.size(); }
  async::Task<Result<void>> Write(std::string_view bytes) override {
    text += bytes;
    co_return Ok();
  }
  async::Task<Result<void>> Finish() override {
    finished = true;
    co_return Ok();
  }

  http::RequestHead request_;
  std::string body_;
  size_t at_ = 0;
  bool answered_ = false;
};

}  // namespace cove::api
