#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "async/deadline.h"
#include "net/tls_stream.h"

namespace cove::net {
namespace {

using internal::TlsErrorText;

// ALPN's wire form: names, each with its length before it. HTTP/1.1 alone is the end of it.
constexpr unsigned char kAlpn[] = {2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
constexpr unsigned kAlpnHttp2Bytes = 3;

std::span<const unsigned char> AlpnOf(Alpn alpn) {
  return std::span(kAlpn).subspan(alpn == Alpn::kHttp1 ? kAlpnHttp2Bytes : 0);
}

struct CtxFree {
  void operator()(SSL_CTX* ctx) const { SSL_CTX_free(ctx); }
};
using CtxPtr = std::unique_ptr<SSL_CTX, CtxFree>;
struct BioFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioFree>;
struct X509Free {
  void operator()(X509* cert) const { X509_free(cert); }
};
using X509Ptr = std::unique_ptr<X509, X509Free>;
struct KeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, KeyFree>;

SSL_CTX* Native(const TlsContext& context) { return static_cast<SSL_CTX*>(context.native()); }

CtxPtr NewContext(const SSL_METHOD* method) {
  CtxPtr ctx(SSL_CTX_new(method));
  if (ctx == nullptr) return ctx;
  SSL_CTX_set_min_proto_version(ctx.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(ctx.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(ctx.get(), SSL_MODE_RELEASE_BUFFERS);
  return ctx;
}

int SelectAlpn(SSL* ssl, const unsigned char** out, unsigned char* out_size,
               const unsigned char* in, unsigned in_size, void*) {
  unsigned char* chosen = nullptr;
  const bool http2 = SSL_get_app_data(ssl) != nullptr;
  const auto ours = AlpnOf(http2 ? Alpn::kHttp2OrHttp1 : Alpn::kHttp1);
  const int found = SSL_select_next_proto(&chosen, out_size, ours.data(),
                                          static_cast<unsigned>(ours.size()), in, in_size);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

BioPtr Memory(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<void> UseChain(SSL_CTX* ctx, const std::string& pem) {
  const BioPtr bio = Memory(pem);
  const X509Ptr leaf(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (leaf == nullptr || SSL_CTX_use_certificate(ctx, leaf.get()) != 1) {
    return Error(Code::kInvalid, "the certificate is not usable PEM: " + TlsErrorText());
  }
  for (;;) {
    X509Ptr next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (next == nullptr) break;
    if (SSL_CTX_add1_chain_cert(ctx, next.get()) != 1) {
      return Error(Code::kInvalid, "the certificate chain is not usable: " + TlsErrorText());
    }
  }
  ERR_clear_error();  // the end of the text counts as an error for OpenSSL
  return Ok();
}

Task<Result<void>> Handshake(internal::TlsStream* stream) { return stream->Handshake(); }

Task<Result<StreamPtr>> Finish(std::unique_ptr<internal::TlsStream> stream, TimePoint deadline,
                               std::string what) {
  auto done = co_await async::WithDeadline(Handshake(stream.get()), deadline, what);
  if (!done) co_return std::move(done).error().Wrap(what);
  co_return StreamPtr(std::move(stream));
}

}  // namespace

TlsContext::~TlsContext() { SSL_CTX_free(static_cast<SSL_CTX*>(ctx_)); }

Result<std::shared_ptr<TlsContext>> TlsContext::MakeClient(std::string ca_file) {
  CtxPtr ctx = NewContext(TLS_client_method());
  if (ctx == nullptr) return Error(Code::kInternal, "TLS: " + TlsErrorText());
  SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER, nullptr);
  // The default paths include those of SSL_CERT_FILE and SSL_CERT_DIR.
  const int loaded = ca_file.empty()
                         ? SSL_CTX_set_default_verify_paths(ctx.get())
                         : SSL_CTX_load_verify_locations(ctx.get(), ca_file.c_str(), nullptr);
  if (loaded != 1) {
    return Error(Code::kInvalid, "cannot load trusted certificates" +
                                     (ca_file.empty() ? "" : " from " + ca_file) + ": " +
                                     TlsErrorText());
  }
  return std::shared_ptr<TlsContext>(new TlsContext(ctx.release()));
}

Result<std::shared_ptr<TlsContext>> TlsContext::MakeServer(const std::string& cert_chain_pem,
                                                           const std::string& key_pem) {
  CtxPtr ctx = NewContext(TLS_server_method());
  if (ctx == nullptr) return Error(Code::kInternal, "TLS: " + TlsErrorText());
  RETURN_IF_ERROR(UseChain(ctx.get(), cert_chain_pem));
  const BioPtr bio = Memory(key_pem);
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (key == nullptr || SSL_CTX_use_PrivateKey(ctx.get(), key.get()) != 1) {
    return Error(Code::kInvalid,
                 "the private key is not usable PEM or not the certificate's: " + TlsErrorText());
  }
  SSL_CTX_set_alpn_select_cb(ctx.get(), &SelectAlpn, nullptr);
  return std::shared_ptr<TlsContext>(new TlsContext(ctx.release()));
}

Task<Result<StreamPtr>> TlsConnect(std::shared_ptr<TlsContext> context, StreamPtr stream,
                                   std::string name, TimePoint deadline, Alpn offered) {
  internal::SslPtr ssl(SSL_new(Native(*context)));
  if (ssl == nullptr) co_return Error(Code::kExhausted, "TLS: " + TlsErrorText());
  SSL_set_connect_state(ssl.get());
  const auto protocols = AlpnOf(offered);
  SSL_set_alpn_protos(ssl.get(), protocols.data(), static_cast<unsigned>(protocols.size()));
  X509_VERIFY_PARAM* verify = SSL_get0_param(ssl.get());
  X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const bool is_ip = SocketAddress::FromIp(name, 1).has_value();
  const int named = is_ip ? X509_VERIFY_PARAM_set1_ip_asc(verify, name.c_str())
                          : SSL_set1_host(ssl.get(), name.c_str());
  // An address is never sent as a server name (RFC 6066 section 3).
  if (named != 1 || name.empty() ||
      (!is_ip && SSL_set_tlsext_host_name(ssl.get(), name.c_str()) != 1)) {
    co_return Error(Code::kInvalid, "TLS: \"" + name + "\" is not a host name");
  }
  auto tls =
      std::make_unique<internal::TlsStream>(std::move(context), std::move(ssl), std::move(stream));
  co_return co_await Finish(std::move(tls), deadline, "TLS with " + name);
}

Task<Result<StreamPtr>> TlsAccept(std::shared_ptr<TlsContext> context, StreamPtr stream,
                                  TimePoint deadline, Alpn accepted) {
  internal::SslPtr ssl(SSL_new(Native(*context)));
  if (ssl == nullptr) co_return Error(Code::kExhausted, "TLS: " + TlsErrorText());
  SSL_set_accept_state(ssl.get());
  static char http2_wanted;  // its address is a mark for SelectAlpn
  if (accepted == Alpn::kHttp2OrHttp1) SSL_set_app_data(ssl.get(), &http2_wanted);
  auto tls =
      std::make_unique<internal::TlsStream>(std::move(context), std::move(ssl), std::move(stream));
  co_return co_await Finish(std::move(tls), deadline, "accepting TLS");
}

bool SpeaksHttp2(const ByteStream& stream) {
  const auto* tls = dynamic_cast<const internal::TlsStream*>(&stream);
  return tls != nullptr && tls->speaks_http2();
}

}  // namespace cove::net
