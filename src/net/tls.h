// TLS over any ByteStream, by OpenSSL with memory BIOs. Client side: the server's certificate and
// name are always verified against the system's trust store (SSL_CERT_FILE is honoured).
// Thread: a context may be shared between threads; a stream is loop-confined.
#pragma once

#include "async/offload.h"
#include "net/socket.h"

namespace cove::net {

class TlsContext {
 public:
  // A client context with the system's trust store, or the CA file given.
  static Result<std::shared_ptr<TlsContext>> MakeClient(std::string ca_file = {});
  // A server context (tests, inspection) from PEM texts.
  static Result<std::shared_ptr<TlsContext>> MakeServer(const std::string& cert_chain_pem,
                                                        const std::string& key_pem);
  ~TlsContext();
  void* native() const { return ctx_; }  // SSL_CTX*

 private:
  explicit TlsContext(void* ctx) : ctx_(ctx) {}
  void* ctx_;
};

// What is offered or accepted by ALPN (RFC 7301); the server prefers HTTP/2.
enum class Alpn : uint8_t { kHttp1, kHttp2OrHttp1 };

// Both do the handshake; `name` is what the certificate must be for.
Task<Result<StreamPtr>> TlsConnect(std::shared_ptr<TlsContext> context, StreamPtr stream,
                                   std::string name, TimePoint deadline,
                                   Alpn offered = Alpn::kHttp1);
Task<Result<StreamPtr>> TlsAccept(std::shared_ptr<TlsContext> context, StreamPtr stream,
                                  TimePoint deadline, Alpn accepted = Alpn::kHttp1);
// Whether the stream is TLS whose two ends agreed on HTTP/2.
bool SpeaksHttp2(const ByteStream& stream);

// Addresses of a name by the system's resolver (getaddrinfo on the pool), in its order.
Task<Result<std::vector<SocketAddress>>> Resolve(async::ThreadPool& pool, std::string name,
                                                 uint16_t port);

}  // namespace cove::net
