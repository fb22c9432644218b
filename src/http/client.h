// The HTTP/1.1 client, with a pool of idle connections per origin (http and https).
// A request is sent again on a fresh connection only if a pooled one turned out closed before a
// byte of the answer came and the body can be sent again (a whole body).
// Thread: loop-confined. The client must outlive its responses.
#pragma once

#include <functional>

#include "http/message.h"
#include "net/tls.h"

namespace cove::http {

struct Url {
  std::string scheme;  // "http", "https" or "unix" (path of a socket before a colon)
  std::string host;    // lower case, without brackets
  uint16_t port = 0;
  std::string target;  // "/path?query"
  static Result<Url> Parse(std::string_view text);
  std::string HostHeader() const;
};

struct ClientRequest {
  std::string method = "GET";
  Url url;
  Headers headers;               // Host and the framing are added here
  std::string body;              // whole body, or:
  BodyReader* stream = nullptr;  // streamed (chunked, or its length()); must outlive the exchange
  TimePoint head_deadline = kNever;  // until the response's head is here
  Duration body_timeout = seconds(300);
};

class ClientResponse {
 public:
  virtual ~ClientResponse() = default;
  virtual const ResponseHead& head() const = 0;
  virtual BodyReader& body() = 0;
  // After a 101: the connection.
  virtual net::StreamPtr TakeStream() = 0;
};

class Client {
 public:
  // How to reach an origin; the default resolves the name and dials. Tests and the gateway replace
  // it.
  using Dialer = std::function<Task<Result<net::StreamPtr>>(Url url, TimePoint deadline)>;
  explicit Client(async::ThreadPool& resolver_pool, std::shared_ptr<net::TlsContext> tls = nullptr);
  ~Client();
  void set_dialer(Dialer dialer);

  Task<Result<std::unique_ptr<ClientResponse>>> Send(ClientRequest request);

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace cove::http
