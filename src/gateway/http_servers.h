// The servers' end of a connection whose requests are read: a server is dialled when a request
// needs it, by what the policy allows then, and a few idle connections are kept. Every one of them
// is counted. Thread: loop-confined. Box and judge must outlive it, and it its responses.
#pragma once

#include "gateway/http_judge.h"
#include "http/client.h"

namespace cove::gateway {

class HttpServers {
 public:
  // `held` is told of each connection, and outlives it.
  HttpServers(Box& box, const HttpJudge& judge, HeldConnections& held);
  HttpServers(const HttpServers&) = delete;

  using Protocol = Route::Protocol;
  struct Answer {
    Result<std::unique_ptr<http::ClientResponse>> response;
    policy::Reason reason = policy::Reason::kAllowed;  // why there is none
    std::string address;                               // of the server, if it was reached
  };
  Task<Answer> Send(http::ClientRequest request, Protocol protocol);
  // Those that are open, idle ones too.
  const Upstreams& open() const { return open_; }

 private:
  Task<Result<net::StreamPtr>> Dial(http::Url url, Protocol protocol);
  std::vector<net::SocketAddress> ToNumber() const;
  std::string AddressOf(const std::string& host, uint16_t port) const;

  Box& box_;
  const HttpJudge& judge_;
  HeldConnections& held_;
  // How the last dial went. Requests share connections: who had none dialled for it looks here,
  // too.
  struct LastDial {
    std::string host;
    uint16_t port = 0;
    policy::Reason reason = policy::Reason::kAllowed;
    std::string address;
  };
  LastDial last_;
  Upstreams open_;
  http::Client any_;
  http::Client http1_;
};

}  // namespace cove::gateway
