// The client: HTTP/1.1 with a pool of idle connections per origin (http and https), and HTTP/2
// where it is wanted and the server agrees by ALPN: then one connection is shared by all requests
// to the origin.
// A request is sent again, once, on a fresh connection, only if a pooled one turned out closed
// before a byte of the answer came, the body can be sent again (a whole body), and doing so twice
// does no harm (RFC 9110 section 9.2.2: an idempotent method, or an Idempotency-Key header), unless
// it is to go once. So is a whole request, any, that an HTTP/2 server says it has not looked at
// (REFUSED_STREAM, GOAWAY). A pooled connection that the peer has visibly closed is not used at
// all, whatever the method. Thread: loop-confined. The client must outlive its responses.
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
  bool accepts_trailers = false;  // told to an HTTP/2 server (TE)
  // Its bytes go out at most once, also where its fields say that twice would do no harm.
  bool once = false;
};

// The head has come; the body follows. The connection goes back to the pool once the body is read
// to its end (and the request's body was sent); dropping the response before closes it.
class ClientResponse {
 public:
  virtual ~ClientResponse() = default;
  virtual const ResponseHead& head() const = 0;
  virtual BodyReader& body() = 0;
  // After a 101 (or 2xx for CONNECT): the connection, bytes already received included. Null
  // otherwise, and the second time.
  virtual net::StreamPtr TakeStream() = 0;
};

struct ClientLimits {
  size_t head_bytes_max = 64 * 1024;
  size_t idle_per_origin_max = 32;
  size_t idle_max = 256;
  Duration idle_timeout = seconds(30);     // shorter than what servers usually keep
  Duration connect_timeout = seconds(15);  // name, TCP and TLS together
  enum class Http2 { kNever, kIfOffered };
  Http2 http2 = Http2::kNever;  // a dialer of your own then offers it (net::Alpn)
};

class Client {
 public:
  // How to reach an origin; the default resolves the name and dials. Tests and the gateway replace
  // it.
  using Dialer = std::function<Task<Result<net::StreamPtr>>(Url url, TimePoint deadline)>;
  // `tls` is made on first use when not given. The pool must outlive the client.
  explicit Client(async::ThreadPool& resolver_pool, std::shared_ptr<net::TlsContext> tls = nullptr,
                  ClientLimits limits = {});
  ~Client();
  void set_dialer(Dialer dialer);

  // kTimeout: no head by the deadline. kUnavailable, kNotFound, kClosed: the origin could not be
  // reached or broke off. Any status is a response, not an error; redirects are not followed.
  Task<Result<std::unique_ptr<ClientResponse>>> Send(ClientRequest request);
  size_t idle_connections() const;
  // Closes those. A connection that speaks HTTP/2 is none of them: it is shared, not pooled.
  void DropIdle();

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace cove::http
