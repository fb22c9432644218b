// A gateway with everything around it played by the test: listeners on the loopback of a network
// namespace of the test's own, which also has kServerIp for servers; policy, resolver and the
// kernel's account of the original destination are set by each test.
#pragma once

#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <cstring>
#include <source_location>

#include "audit/query.h"
#include "base/testing.h"
#include "gateway/gateway.h"

namespace cove::gateway {

using namespace std::chrono_literals;
using net::SocketAddress;
using net::SocketStream;

inline constexpr char kServerIp[] = "203.0.113.20";

// A fresh network namespace whose loopback also has kServerIp. Once per process.
inline bool EnterNamespace() {
  static const bool entered = [] {
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
    const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0) return false;
    request = {};
    std::strcpy(request.ifr_name, "lo:1");
    const SocketAddress address = *SocketAddress::FromIp(kServerIp, 0);
    std::memcpy(&request.ifr_addr, address.get(), sizeof request.ifr_addr);
    return ioctl(fd.get(), SIOCSIFADDR, &request) == 0;
  }();
  return entered;
}

using Stream = std::unique_ptr<SocketStream>;

inline Task<void> Pause(Duration d) { co_await async::Sleep(d); }

// Null: it was reset before anybody could look.
inline Task<Stream> OpenStream(SocketAddress gateway) {
  auto connected = co_await net::Connect(gateway, Now() + 2s);
  co_return connected ? *std::move(connected) : nullptr;
}

// What comes back for `bytes`; "reset" or "end" when nothing does.
inline Task<std::string> AskStream(SocketStream* stream, std::string bytes) {
  if (stream == nullptr) co_return "reset";
  stream->set_read_timeout(3s);
  if (!bytes.empty()) (void)co_await stream->Write(bytes);
  std::vector<char> buffer(4096);
  const auto n = co_await stream->Read(buffer);
  if (!n) co_return n.error().sys_errno() == ECONNRESET ? "reset" : n.error().message();
  co_return *n == 0 ? "end" : std::string(buffer.data(), *n);
}

inline Task<void> Echo(UniqueFd fd) {
  SocketStream stream(std::move(fd));
  std::vector<char> buffer(4096);
  for (;;) {
    const auto n = co_await stream.Read(buffer);
    if (!n || *n == 0 || !co_await stream.Write(std::string_view(buffer.data(), *n))) co_return;
  }
}

// A server for any number of connections: says what it hears.
inline Task<void> EchoAll(net::Listener* listener) {
  async::TaskGroup group;
  for (;;) {
    auto fd = co_await listener->Accept();
    if (!fd) co_return;
    group.Spawn(Echo(*std::move(fd)));
  }
}

inline Task<void> AnswerOne(UniqueFd fd, std::string body) {
  SocketStream stream(std::move(fd));
  std::vector<char> buffer(4096);
  for (;;) {
    const auto n = co_await stream.Read(buffer);
    if (!n || *n == 0) co_return;
    const std::string answer =
        "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    if (!co_await stream.Write(answer)) co_return;
  }
}

// A web server for any number of connections.
inline Task<void> AnswerAll(net::Listener* listener, std::string body) {
  async::TaskGroup group;
  for (;;) {
    auto fd = co_await listener->Accept();
    if (!fd) co_return;
    group.Spawn(AnswerOne(*std::move(fd), body));
  }
}

class GatewayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(EnterNamespace()) << "needs a network namespace of its own";
    audit_ = *audit::Log::Open(directory_, audit_pool_);
    SetRules({"allowed.test:443", "allowed.test:80", "allowed.test:2222", "*.pkgs.test:443"});
    deps_.policy = [this](const SandboxId&) { return policy_; };
    deps_.audit = audit_.get();
    deps_.resolver_pool = &resolver_pool_;
    deps_.resolver = [this](std::string host, uint16_t port) { return Resolve(this, host, port); };
    deps_.destination = [this](int) { return destination_; };
    deps_.local_networks = [] { return policy::LocalNetworks{}; };
    deps_.model = Model;
    deps_.limits.quiet_wait = 20ms;
    deps_.limits.hello_timeout = 300ms;
    deps_.limits.dial_attempt_timeout = 500ms;
  }
  void TearDown() override {
    servers_.Clear();
    gateway_.reset();
    if (audit_ != nullptr) loop_.RunUntil(audit_->Flush());
    audit_.reset();
  }

  void SetRules(std::vector<std::string> rules) {
    policy_ = *policy::Policy::Parse(rules, policy::Layer::kServer);
  }

  void SetDocument(std::string_view toml) {
    auto document = policy::ParseToml(toml, "test", policy::Layer::kServer);
    ASSERT_TRUE(document) << document.error().message();
    policy_ = policy::Policy::Make({{policy::Layer::kServer, nullptr,
                                     std::make_shared<policy::Document>(*std::move(document))}});
  }

  static Task<Result<std::vector<SocketAddress>>> Resolve(GatewayTest* t, std::string host,
                                                          uint16_t port) {
    t->resolved_.push_back(host);
    t->seq_at_resolve_ = t->audit_->last_seq();
    std::vector<SocketAddress> out;
    for (const std::string& ip : t->answers_) out.push_back(*SocketAddress::FromIp(ip, port));
    if (out.empty()) co_return Error(Code::kUnavailable, "no such name");
    co_return out;
  }

  static Task<void> Model(SandboxId id, http::Exchange& exchange) {
    (void)co_await exchange.Respond({}, "model for " + id.value + exchange.request().target);
  }

  void Start() {
    gateway_ = std::make_unique<Gateway>(deps_);
    AttachAnother(id_);
  }
  // From here on clients are in that one.
  void AttachAnother(SandboxId id) {
    std::vector<UniqueFd> sockets;
    sockets.push_back(*net::ListenTcp(*SocketAddress::FromIp("127.0.0.1", 0)));
    tcp_ = *net::LocalAddress(sockets[0].get());
    sockets.push_back(*net::ListenTcp(*SocketAddress::FromIp("::1", tcp_.port())));
    sockets.emplace_back(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const SocketAddress any = *SocketAddress::FromIp("127.0.0.1", 0);
    ASSERT_EQ(bind(sockets[2].get(), any.get(), any.size), 0);
    dns_udp_ = *net::LocalAddress(sockets[2].get());
    sockets.push_back(*net::ListenTcp(any));
    dns_tcp_ = *net::LocalAddress(sockets[3].get());
    ASSERT_TRUE(gateway_->Attach(std::move(id), "tester", std::move(sockets), tcp_.port()));
  }

  net::Listener* Listen(uint16_t port) {
    listeners_.push_back(
        std::make_unique<net::Listener>(*net::ListenTcp(*SocketAddress::FromIp(kServerIp, port))));
    return listeners_.back().get();
  }
  void StartEcho(uint16_t port) { servers_.Spawn(EchoAll(Listen(port))); }
  void StartWeb(uint16_t port, std::string body = "served") {
    servers_.Spawn(AnswerAll(Listen(port), std::move(body)));
  }
  // A client in the sandbox.
  Stream Dial() { return loop_.RunUntil(OpenStream(tcp_)); }
  std::string Hear(const Stream& stream, std::string bytes = "") {
    return loop_.RunUntil(AskStream(stream.get(), std::move(bytes)));
  }

  // Runs the loop until `condition` holds. Where it never does, the test fails and goes on.
  template <class Condition>
  void WaitFor(Condition condition, std::source_location where = std::source_location::current()) {
    for (const TimePoint end = Now() + 20s; !condition(); loop_.RunUntil(Pause(1ms))) {
      if (Now() < end) continue;
      ADD_FAILURE_AT(where.file_name(), where.line()) << "it did not come to that within 20 s";
      return;
    }
  }

  // The stand-in of a name is the same in every table.
  void GoTo(const std::string& name, uint16_t port) {
    destination_ = Destination{StandIns::FirstChoice(name), port};
  }
  void GoToAddress(std::string_view ip, uint16_t port) {
    destination_ = Destination{*policy::Address::Parse(ip), port};
  }

  std::vector<audit::Record> Rows() {
    loop_.RunUntil(audit_->Flush());
    audit::Filter filter;
    filter.sandbox = id_;
    return std::move(audit::ReadPage(audit_->directory(), filter, 0, 100)->records);
  }

  async::Loop loop_;
  async::ThreadPool audit_pool_{1};
  async::ThreadPool resolver_pool_{1};
  const TempDir dir_;
  const std::string& directory_ = dir_.path();
  std::unique_ptr<audit::Log> audit_;
  std::shared_ptr<const policy::Policy> policy_;
  Deps deps_;
  const SandboxId id_{"11111111-1111-4111-8111-111111111111"};
  Result<Destination> destination_ = Error(Code::kNotFound, "unset");
  std::vector<std::string> answers_ = {kServerIp};
  std::vector<std::string> resolved_;
  uint64_t seq_at_resolve_ = 0;
  SocketAddress tcp_;
  SocketAddress dns_udp_;
  SocketAddress dns_tcp_;
  std::unique_ptr<Gateway> gateway_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  async::TaskGroup servers_;  // cleared by TearDown, before what a test's own fixture holds
};

struct Talk {
  std::string received;
  bool reset = false;  // ended with RST (else FIN)
};

// Connects to the gateway, sends, half-closes if asked to, reads to the end.
enum class After { kHalfClose, kKeepOpen };
inline Task<Talk> Say(SocketAddress gateway, std::string bytes, After after) {
  Talk talk;
  auto stream = co_await net::Connect(gateway, Now() + 2s);
  if (!stream) co_return talk;
  (*stream)->set_read_timeout(3s);
  if (!bytes.empty()) (void)co_await (*stream)->Write(bytes);
  if (after == After::kHalfClose) (void)co_await (*stream)->CloseWrite();
  std::vector<char> buffer(4096);
  for (;;) {
    const auto n = co_await (*stream)->Read(buffer);
    if (!n) talk.reset = n.error().sys_errno() == ECONNRESET;
    if (!n || *n == 0) co_return talk;
    talk.received.append(buffer.data(), *n);
  }
}

}  // namespace cove::gateway
