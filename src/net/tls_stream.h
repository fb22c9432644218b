// TlsStream: one TLS connection over a ByteStream, by an OpenSSL object between two memory BIOs.
// Internal to net. Thread: loop-confined.
#pragma once

#include <openssl/ssl.h>

#include "net/tls.h"

namespace cove::net::internal {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

// The first error of OpenSSL's queue as text; empties the queue.
std::string TlsErrorText();

class TlsStream final : public ByteStream {
 public:
  // `context` must have been the maker of `ssl`.
  TlsStream(std::shared_ptr<TlsContext> context, SslPtr ssl, StreamPtr inner);

  Task<Result<void>> Handshake();
  bool speaks_http2() const;
  Task<Result<size_t>> Read(std::span<char> buffer) override;
  Task<Result<void>> Write(std::string_view bytes) override;
  Task<Result<void>> CloseWrite() override;
  void MarkAborted() override { inner_->MarkAborted(); }
  bool LooksIdle() override { return SSL_pending(ssl_.get()) == 0 && inner_->LooksIdle(); }

 private:
  // Takes one piece of cipher text in; false at the end of the inner stream.
  Task<Result<bool>> Receive();
  // Sends what OpenSSL has made. A reader that made something (an answer to a key update) leaves
  // it to the writer that is under way, for the inner stream takes one write at a time.
  Task<Result<void>> Flush();

  std::shared_ptr<TlsContext> context_;
  SslPtr ssl_;
  BIO* in_ = nullptr;   // owned by ssl_
  BIO* out_ = nullptr;  // owned by ssl_
  StreamPtr inner_;
  std::vector<char> cipher_;
  bool writing_ = false;
  bool broken_ = false;  // a write was cut: what follows would not fit to what the peer has
};

}  // namespace cove::net::internal
