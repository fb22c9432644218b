#include "net/tls_stream.h"

#include <openssl/err.h>

namespace cove::net::internal {
namespace {

constexpr size_t kCipherBytes = 17 * 1024;  // one record and its overhead
constexpr size_t kPlainBytes = 64 * 1024;   // encrypted at once

}  // namespace

std::string TlsErrorText() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "the connection broke";
  const char* reason = ERR_reason_error_string(code);
  return reason == nullptr ? "error " + std::to_string(code) : reason;
}

TlsStream::TlsStream(std::shared_ptr<TlsContext> context, SslPtr ssl, StreamPtr inner)
    : context_(std::move(context)),
      ssl_(std::move(ssl)),
      in_(BIO_new(BIO_s_mem())),
      out_(BIO_new(BIO_s_mem())),
      inner_(std::move(inner)) {
  BIO_set_mem_eof_return(in_, -1);  // empty means "later", not the end
  SSL_set_bio(ssl_.get(), in_, out_);
}

Task<Result<bool>> TlsStream::Receive() {
  cipher_.resize(kCipherBytes);
  inner_->set_read_timeout(read_timeout());
  CO_ASSIGN_OR_RETURN(const size_t n, co_await inner_->Read(cipher_));
  if (n == 0) co_return false;
  if (BIO_write(in_, cipher_.data(), static_cast<int>(n)) != static_cast<int>(n)) {
    co_return Error(Code::kExhausted, "TLS: no memory for what was received");
  }
  co_return true;
}

Task<Result<void>> TlsStream::Flush() {
  if (writing_) co_return Ok();
  struct Writing {
    TlsStream& self;
    explicit Writing(TlsStream& s) : self(s) { self.writing_ = true; }
    ~Writing() { self.writing_ = false; }
  } writing(*this);
  inner_->set_write_timeout(write_timeout());
  while (BIO_ctrl_pending(out_) != 0) {
    // A copy, because a reader may add to the BIO's memory while this write waits.
    std::string cipher(BIO_ctrl_pending(out_), '\0');
    BIO_read(out_, cipher.data(), static_cast<int>(cipher.size()));
    broken_ = true;
    CO_RETURN_IF_ERROR(co_await inner_->Write(cipher));
    broken_ = false;
  }
  co_return Ok();
}

bool TlsStream::speaks_http2() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return std::string_view(reinterpret_cast<const char*>(name), size) == "h2";
}

Task<Result<void>> TlsStream::Handshake() {
  for (;;) {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    const int why = SSL_get_error(ssl_.get(), done);
    const std::string text = done == 1 || why == SSL_ERROR_WANT_READ ? "" : TlsErrorText();
    // An alert for the peer may be waiting even after a failure.
    auto flushed = co_await Flush();
    if (!text.empty()) {
      const long verified = SSL_get_verify_result(ssl_.get());
      if (verified == X509_V_OK) co_return Error(Code::kUnavailable, "TLS handshake: " + text);
      co_return Error(Code::kUnavailable,
                      std::string("the peer's certificate cannot be trusted: ") +
                          X509_verify_cert_error_string(verified));
    }
    CO_RETURN_IF_ERROR(std::move(flushed));
    if (done == 1) co_return Ok();
    CO_ASSIGN_OR_RETURN(const bool more, co_await Receive());
    if (!more) co_return Error(Code::kClosed, "the peer closed during the TLS handshake");
  }
}

Task<Result<size_t>> TlsStream::Read(std::span<char> buffer) {
  if (buffer.empty()) co_return size_t{0};
  for (;;) {
    ERR_clear_error();
    size_t n = 0;
    const int done = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &n);
    const int why = SSL_get_error(ssl_.get(), done);
    const std::string text = done == 1 || why == SSL_ERROR_WANT_READ || why == SSL_ERROR_ZERO_RETURN
                                 ? ""
                                 : TlsErrorText();
    if (done == 1) co_return n;
    if (why == SSL_ERROR_ZERO_RETURN) co_return size_t{0};
    if (why != SSL_ERROR_WANT_READ) co_return Error(Code::kClosed, "TLS: " + text);
    CO_RETURN_IF_ERROR(co_await Flush());
    CO_ASSIGN_OR_RETURN(const bool more, co_await Receive());
    // Without the closing alert an attacker could have cut the stream.
    if (!more) co_return Error(Code::kClosed, "TLS: the peer closed without saying goodbye");
  }
}

Task<Result<void>> TlsStream::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    if (broken_) co_return Error(Code::kClosed, "TLS: an earlier write was cut");
    const std::string_view piece = bytes.substr(0, kPlainBytes);
    ERR_clear_error();
    size_t n = 0;
    if (SSL_write_ex(ssl_.get(), piece.data(), piece.size(), &n) != 1) {
      co_return Error(Code::kClosed, "TLS: " + TlsErrorText());
    }
    bytes.remove_prefix(n);
    CO_RETURN_IF_ERROR(co_await Flush());
  }
  co_return Ok();
}

Task<Result<void>> TlsStream::CloseWrite() {
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  CO_RETURN_IF_ERROR(co_await Flush());
  co_return co_await inner_->CloseWrite();
}

}  // namespace cove::net::internal
