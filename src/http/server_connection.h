// One connection of the server: reads heads, runs the handler for each, keeps or closes.
// Thread: loop-confined.
#pragma once

#include "http/server.h"
#include "http/wire.h"

namespace cove::http::internal {

// What one exchange needs of its connection; the connection outlives it.
struct ServerLink {
  const ServerLimits& limits;
  const bool& keep_alive_allowed;
  net::StreamPtr stream;  // null once taken over
  std::string peer;
  Input input;
};

class ServerExchange final : public Exchange {
 public:
  ServerExchange(ServerLink* link, const codec::Http1Head& head);
  const RequestHead& request() const override { return request_; }
  BodyReader& body() override { return body_reader_; }
  std::string peer() const override { return link_->peer; }
  bool answered() const override { return answered_; }
  Task<Result<void>> Respond(ResponseHead head, std::string body) override;
  Task<Result<BodyWriter*>> StartResponse(ResponseHead head) override;
  Task<Result<net::StreamPtr>> TakeOver(ResponseHead head) override;
  Task<void> PeerClosed() override;

  // After the handler: answers for it if it did not, and reads what it left. True when the
  // connection can serve the next request.
  Task<bool> Settle();

 private:
  // Says "100 Continue" before the first read.
  class Body final : public BodyReader {
   public:
    explicit Body(ServerExchange* exchange) : exchange_(exchange) {}
    Task<Result<size_t>> Read(std::span<char> buffer) override;
    std::optional<uint64_t> length() const override { return exchange_->wire_body_.length(); }

   private:
    ServerExchange* exchange_;
  };

  Result<std::string> ComposeHead(const ResponseHead& head, std::string_view framing);
  void DecideKeepAlive(const ResponseHead& head);
  int StatusForUnanswered() const;

  ServerLink* link_;
  RequestHead request_;
  bool is_head_;
  bool http10_;
  bool keep_alive_;
  bool expect_pending_;
  bool answered_ = false;
  bool broken_ = false;  // the answer cannot be finished
  WireBody wire_body_;
  Body body_reader_{this};
  std::optional<WireWriter> writer_;
};

class ServerConnection {
 public:
  ServerConnection(const Handler& handler, const Refused& refused, ServerLink link)
      : handler_(handler),
        refused_(refused),
        link_(std::move(link)),
        parser_(codec::Http1HeadParser::Kind::kRequest, {link_.limits.head_bytes_max}) {}
  Task<void> Run();

 private:
  Task<bool> ReadHead();
  Task<void> RunHandler(Exchange& exchange);
  Task<void> Refuse(int status, std::string why);
  Task<void> CloseGently();

  const Handler& handler_;
  const Refused& refused_;
  ServerLink link_;
  codec::Http1HeadParser parser_;
};

// "Sat, 21 Nov 2026 02:00:00 GMT", made once a second.
const std::string& HttpDate();

}  // namespace cove::http::internal
