#include "egress/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace cove::bench {
namespace {

SSL_CTX* Context() {
  static SSL_CTX* const context = [] {
    SSL_CTX* made = SSL_CTX_new(TLS_client_method());
    // Each handshake is a whole one, whoever it goes through.
    SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
    return made;
  }();
  return context;
}

}  // namespace

UniqueFd Dial(const Path& path, const std::string& host) {
  const bool direct = path.kind == Path::Kind::kDirect;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(path.port);
  inet_pton(AF_INET, direct ? kOriginIp : "127.0.0.1", &to.sin_addr);
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int one = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    Die("cannot connect: " + path.name);
  }
  if (path.kind != Path::Kind::kConnect) return fd;
  const std::string ask = "CONNECT " + host + ":443 HTTP/1.1\r\nHost: " + host + ":443\r\n\r\n";
  if (send(fd.get(), ask.data(), ask.size(), MSG_NOSIGNAL) < 0) Die(path.name + " left");
  std::string answer;
  char byte = 0;
  while (!answer.ends_with("\r\n\r\n")) {
    if (recv(fd.get(), &byte, 1, 0) != 1) Die(path.name + " did not answer CONNECT");
    answer += byte;
  }
  if (answer.find(" 200") == std::string::npos) Die(path.name + " refused: " + answer);
  return fd;
}

std::string HelloFor(const std::string& host) {
  SSL* ssl = SSL_new(Context());
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
  SSL_set_tlsext_host_name(ssl, host.c_str());
  SSL_set_connect_state(ssl);
  SSL_do_handshake(ssl);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  std::string hello(data, static_cast<size_t>(size));
  SSL_free(ssl);
  return hello;
}

TlsClient::TlsClient(UniqueFd fd, const std::string& host)
    : fd_(std::move(fd)), ssl_(SSL_new(Context())) {
  SSL_set_fd(ssl_, fd_.get());
  SSL_set_tlsext_host_name(ssl_, host.c_str());
  if (SSL_connect(ssl_) != 1) Die("the TLS handshake failed");
}

TlsClient::~TlsClient() { SSL_free(ssl_); }

uint64_t TlsClient::Get(const std::string& host, const std::string& target, uint64_t least) {
  const std::string ask =
      "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n";
  if (SSL_write(ssl_, ask.data(), static_cast<int>(ask.size())) <= 0) Die("the request failed");
  static std::vector<char> buffer(256 * 1024);
  uint64_t got = 0;
  while (got < least) {
    const int n = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
    if (n <= 0) Die("the answer was cut after " + std::to_string(got) + " bytes");
    if (got == 0 && std::string_view(buffer.data(), 12) != "HTTP/1.1 200") Die("not a 200");
    got += static_cast<uint64_t>(n);
  }
  return got;
}

}  // namespace cove::bench
