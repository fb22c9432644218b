// The server: HTTP/1.1, and HTTP/2 on a TLS stream whose ALPN says so.
//
// Concept: a handler gets one Exchange per request: it reads the request and its body as a stream
// and answers once: whole, as a stream, or by taking the connection over (upgrade, tunnel). The
// server deals with keep-alive, pipelining (requests are answered in order, one at a time),
// chunked bodies, Expect: 100-continue (sent when the handler first reads the body), HEAD, limits
// and time-outs. What a handler leaves unread is drained within limits or the connection closes.
// A handler that returns without an answer gets a 500 sent for it (or what the body's failure says:
// 413, 408, 400). Of the handler's head, the fields that frame the message are replaced; its
// "Connection: close" is obeyed.
// Thread: loop-confined.
#pragma once

#include <functional>

#include "async/task_group.h"
#include "http/message.h"
#include "net/socket.h"

namespace cove::http {

struct ServerLimits {
  size_t head_bytes_max = 64 * 1024;             // else 431
  uint64_t body_bytes_max = uint64_t{64} << 30;  // else 413; handlers set smaller ones per route
  Duration head_timeout = seconds(30);           // from the first byte of a head to its end
  Duration idle_timeout = seconds(75);           // between requests
  Duration body_timeout = seconds(300);          // between two reads or writes of a body
  Duration linger_timeout = seconds(2);          // how long a closed side waits for the other
  size_t connections_max = 10'000;               // more wait in the listener's queue
};

class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const RequestHead& request() const = 0;
  virtual BodyReader& body() = 0;
  // Who asks, as an address for logs.
  virtual std::string peer() const = 0;
  virtual bool answered() const = 0;
  // One of several at the same time on one connection (HTTP/2).
  virtual bool multiplexed() const { return false; }

  // Sends head and body; Content-Length is set here. REQUIRES (all three): !answered().
  virtual Task<Result<void>> Respond(ResponseHead head, std::string body) = 0;
  // Sends the head; the body follows through the writer, chunked unless the head has a
  // Content-Length. The writer belongs to the exchange.
  virtual Task<Result<BodyWriter*>> StartResponse(ResponseHead head) = 0;
  // Sends the head (101, or 200 for CONNECT) and hands over the connection, bytes already
  // received included. The server is done with it.
  virtual Task<Result<net::StreamPtr>> TakeOver(ResponseHead head) = 0;

  // Ends when the peer has closed its side (it went away, or half-closed). A handler that works
  // long or waits between writes races it with its work, in a TaskGroup, to stop in time.
  // REQUIRES: the body is read to its end, or nobody reads it meanwhile.
  virtual Task<void> PeerClosed();
};

using Handler = std::function<Task<void>(Exchange&)>;
// What a client gets to read whose request was refused before a handler could see it, because it is
// not sound.
struct Refusal {
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};
// Told of each such request; a refusal without a body is what the server would have said itself.
// Must not wait and not touch the server. HTTP/2 has room for it only where a head is too large:
// any other unsound head is an error of its stream.
using Refused = std::function<Refusal(int status, std::string_view why)>;
Refusal MakeRefusal(const Refused& refused, int status, std::string_view why);

// Asked at each HTTP/2 stream before anything is done for it. What it gives lives as long as what
// is kept of the stream; null: the stream is refused (REFUSED_STREAM), and nothing is kept.
using Admit = std::function<std::shared_ptr<void>()>;

class Server {
 public:
  explicit Server(Handler handler, ServerLimits limits = {});

  // Accepts until the listener breaks; both that and destroying this task end its connections.
  // Both owners (server and listener) must outlive the task.
  Task<Result<void>> Serve(net::Listener& listener);
  // Serves one connection until it ends.
  Task<void> ServeConnection(net::StreamPtr stream, std::string peer);
  size_t connections() const { return connections_; }
  void set_on_refused(Refused refused) { refused_ = std::move(refused); }
  void set_admit(Admit admit) { admit_ = std::move(admit); }
  // From now on every connection closes after its current answer (the way to drain at shutdown).
  void StopKeepAlive() { keep_alive_ = false; }

 private:
  Handler handler_;
  Refused refused_;
  Admit admit_;
  ServerLimits limits_;
  size_t connections_ = 0;
  bool keep_alive_ = true;
  async::Event slot_free_;
};

}  // namespace cove::http
