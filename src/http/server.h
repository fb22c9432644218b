// The HTTP/1.1 server.
//
// Concept: a handler gets one Exchange per request: it reads the request and its body as a stream
// and answers once: whole, as a stream, or by taking the connection over (upgrade, tunnel). The
// server deals with keep-alive, pipelining (requests are answered in order, one at a time),
// chunked bodies, Expect: 100-continue (sent when the handler first reads the body), HEAD, limits
// and time-outs. What a handler leaves unread is drained within limits or the connection closes.
// A handler that returns without an answer gets a 500 sent for it.
// Thread: loop-confined.
#pragma once

#include <functional>

#include "async/task_group.h"
#include "http/message.h"
#include "net/socket.h"

namespace cove::http {

struct ServerLimits {
  size_t head_bytes_max = 64 * 1024;               // else 431
  uint64_t body_bytes_max = uint64_t{64} << 30;    // else 413; handlers set smaller ones per route
  Duration head_timeout = seconds(30);             // from the first byte of a head to its end
  Duration idle_timeout = seconds(75);             // between requests
  Duration body_timeout = seconds(300);            // between two reads or writes of a body
};

class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const RequestHead& request() const = 0;
  virtual BodyReader& body() = 0;
  // Who asks, as an address for logs.
  virtual std::string peer() const = 0;
  virtual bool answered() const = 0;

  // Sends head and body; Content-Length is set here. REQUIRES (all three): !answered().
  virtual Task<Result<void>> Respond(ResponseHead head, std::string body) = 0;
  // Sends the head; the body follows through the writer, chunked unless the head has a
  // Content-Length. The writer belongs to the exchange.
  virtual Task<Result<BodyWriter*>> StartResponse(ResponseHead head) = 0;
  // Sends the head (101, or 200 for CONNECT) and hands over the connection, bytes already
  // received included. The server is done with it.
  virtual Task<Result<net::StreamPtr>> TakeOver(ResponseHead head) = 0;
};

using Handler = std::function<Task<void>(Exchange&)>;

class Server {
 public:
  Server(Handler handler, ServerLimits limits = {});

  // Accepts until the listener breaks, or this task is destroyed (which also ends connections).
  // Both owners (server and listener) must outlive the task.
  Task<Result<void>> Serve(net::Listener& listener);
  // Serves one connection until it ends.
  Task<void> ServeConnection(net::StreamPtr stream, std::string peer);
  size_t connections() const { return connections_; }

 private:
  Handler handler_;
  ServerLimits limits_;
  size_t connections_ = 0;
};

}  // namespace cove::http
