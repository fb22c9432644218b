// GatewayTest with all that opened TLS needs: the installation's authority, a client that trusts
// it, and a server's certificate that the gateway trusts.
#pragma once

#include <fstream>

#include "gateway/gateway_fake.h"
#include "net/test_certificate.h"
#include "net/tls.h"

namespace cove::gateway {

class OpenedTlsTest : public GatewayTest {
 protected:
  void SetUp() override {
    GatewayTest::SetUp();
    if (HasFatalFailure()) return;
    authority_ = *Authority::Open(directory_);
    deps_.authority = authority_.get();
    trust_ = *net::TlsContext::MakeClient(directory_ + "/ca.pem");
    UseServer("DNS:allowed.test,DNS:second.test");
  }
  // What the servers show from now on.
  void UseServer(const std::string& names) {
    const auto made = net::MakeTestCertificate(names);
    server_tls_ = *net::TlsContext::MakeServer(made.cert_pem, made.key_pem);
    std::ofstream(directory_ + "/upstream.pem") << made.ca_pem;
    deps_.upstream_tls = *net::TlsContext::MakeClient(directory_ + "/upstream.pem");
  }
  // What comes back for `bytes` until the end, or why nothing could. The name in the hello is
  // `name`; empty: no TLS.
  static Task<std::string> Ask(SocketAddress gateway, std::shared_ptr<net::TlsContext> trust,
                               std::string name, std::string bytes) {
    auto socket = co_await net::Connect(gateway, Now() + 2s);
    if (!socket) co_return "no connection";
    net::StreamPtr stream = *std::move(socket);
    if (!name.empty()) {
      auto tls = co_await net::TlsConnect(std::move(trust), std::move(stream), name, Now() + 2s);
      if (!tls) co_return tls.error().message();
      stream = *std::move(tls);
    }
    stream->set_read_timeout(3s);
    (void)co_await stream->Write(bytes);
    std::string received;
    std::vector<char> buffer(4096);
    for (;;) {
      const auto n = co_await stream->Read(buffer);
      if (!n || *n == 0) co_return received;
      received.append(buffer.data(), *n);
    }
  }

  std::unique_ptr<Authority> authority_;
  std::shared_ptr<net::TlsContext> trust_;
  std::shared_ptr<net::TlsContext> server_tls_;
};

}  // namespace cove::gateway
