// Goal: nothing leaves but what the policy allows, by the name it allows, to an address that was
// checked, after it was recorded; and whatever is refused ends in a reset.
// Method: a gateway whose listeners are on the loopback of a network namespace of the test's own,
// with a public-looking address on it for servers; resolver, policy and the kernel's account of
// the original destination are the test's.
#include <gmock/gmock.h>

#include "audit/history.h"
#include "gateway/gateway_fake.h"
#include "gateway/hello_bytes.h"

namespace cove::gateway {
namespace {

using ::testing::HasSubstr;

// A server for one connection: says `banner`, then echoes until the end, then half-closes.
Task<void> EchoOnce(net::Listener* listener, std::string banner, std::string* got,
                    async::Event* done) {
  auto fd = co_await listener->Accept();
  if (!fd) co_return;
  SocketStream stream(std::move(*fd));
  if (!banner.empty()) (void)co_await stream.Write(banner);
  std::vector<char> buffer(4096);
  for (;;) {
    const auto n = co_await stream.Read(buffer);
    if (!n || *n == 0) break;
    got->append(buffer.data(), *n);
    if (!co_await stream.Write(std::string_view(buffer.data(), *n))) break;
  }
  (void)co_await stream.CloseWrite();
  done->Set();
}

Task<Talk> SayWithServer(SocketAddress gateway, uint16_t port, std::string banner,
                         std::string bytes, After after, std::string* got) {
  net::Listener listener(*net::ListenTcp(*SocketAddress::FromIp(kServerIp, port)));
  async::Event done;
  async::TaskGroup group;
  group.Spawn(EchoOnce(&listener, std::move(banner), got, &done));
  Talk talk = co_await Say(std::move(gateway), std::move(bytes), after);
  co_await done.Wait(Now() + 200ms);
  co_return talk;
}

TEST_F(GatewayTest, AllowedTlsIsRecordedThenDialledThenClosedOnRecord) {
  Start();
  GoTo("allowed.test", 443);
  std::string got;
  const std::string hello = Hello("Allowed.test");
  const Talk talk =
      loop_.RunUntil(SayWithServer(tcp_, 443, "", hello + "rest", After::kHalfClose, &got));
  EXPECT_EQ(got, hello + "rest");
  EXPECT_EQ(talk.received, hello + "rest");
  EXPECT_FALSE(talk.reset);
  EXPECT_EQ(seq_at_resolve_, 1u);
  const auto rows = Rows();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_TRUE(rows[0].allow);
  EXPECT_EQ(rows[0].host, "allowed.test");
  EXPECT_EQ(rows[0].rule, "allowed.test:443");
  EXPECT_EQ(rows[1].decision, rows[0].seq);
  EXPECT_EQ(rows[1].address, kServerIp);
  EXPECT_EQ(rows[1].bytes_out, hello.size() + 4);
  EXPECT_EQ(rows[1].bytes_in, hello.size() + 4);
  EXPECT_EQ(rows[1].reason, "allowed");
}

TEST_F(GatewayTest, ARefusedHelloIsResetAndNothingIsResolved) {
  Start();
  GoTo("allowed.test", 443);
  const std::string ech = Number(0xfe0d, 2) + Vector("x", 2);
  const std::pair<std::string, std::string> cases[] = {
      {Hello("evil.test"), "name_mismatch"},
      {Hello("x.pkgs.test"), "name_mismatch"},
      {Hello(""), "no_name"},
      {Hello("203.0.113.10"), "bad_name"},
      {Hello("allowed.test", ech), "encrypted_hello"},
      {std::string("\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9), "malformed"},
      {"SSH-2.0-x\r\n", "malformed"},
      {"\x16", "hello_timeout"},
  };
  for (const auto& [bytes, reason] : cases) {
    const Talk talk = loop_.RunUntil(Say(tcp_, bytes, After::kKeepOpen));
    EXPECT_TRUE(talk.reset) << reason;
    EXPECT_EQ(talk.received, "");
    const auto rows = Rows();
    EXPECT_EQ(rows.back().reason, reason);
    EXPECT_FALSE(rows.back().allow);
  }
  EXPECT_EQ(Rows().size(), std::size(cases));
  EXPECT_TRUE(resolved_.empty());
}

TEST_F(GatewayTest, ADeniedPortIsResetAtOnce) {
  // Far longer than this client waits: so nobody waited for a hello.
  deps_.limits.hello_timeout = 60s;
  Start();
  GoTo("allowed.test", 444);
  EXPECT_TRUE(loop_.RunUntil(Say(tcp_, "", After::kKeepOpen)).reset);
  EXPECT_EQ(Rows().back().reason, "port_not_allowed");
}

TEST_F(GatewayTest, ARawAddressGoesByNameToOurOwnResolution) {
  Start();
  GoToAddress("198.51.100.99", 443);  // a claim; nobody is there
  std::string got;
  const std::string hello = Hello("a.b.pkgs.test");
  const Talk talk = loop_.RunUntil(SayWithServer(tcp_, 443, "", hello, After::kHalfClose, &got));
  EXPECT_EQ(talk.received, hello);
  const auto rows = Rows();
  EXPECT_EQ(rows[0].claimed, "198.51.100.99:443");
  EXPECT_EQ(rows[1].address, kServerIp);

  EXPECT_TRUE(loop_.RunUntil(Say(tcp_, std::string("binary\0", 7), After::kKeepOpen)).reset);
  EXPECT_EQ(Rows().back().reason, "no_name");
  EXPECT_TRUE(loop_.RunUntil(Say(tcp_, Hello("evil.test"), After::kKeepOpen)).reset);
  EXPECT_EQ(Rows().back().reason, "no_rule");
}

TEST_F(GatewayTest, OnlyCheckedAddressesAreDialled) {
  Start();
  GoTo("allowed.test", 443);
  answers_ = {"127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "::ffff:203.0.113.20"};
  EXPECT_TRUE(loop_.RunUntil(Say(tcp_, Hello("allowed.test"), After::kKeepOpen)).reset);
  auto rows = Rows();
  EXPECT_EQ(rows.back().kind, audit::Kind::kClose);
  EXPECT_EQ(rows.back().reason, "address_not_public");
  EXPECT_THAT(rows.back().detail, HasSubstr("169.254.169.254 is metadata"));

  answers_ = {"127.0.0.1", kServerIp};
  std::string got;
  const std::string hello = Hello("allowed.test");
  loop_.RunUntil(SayWithServer(tcp_, 443, "", hello, After::kHalfClose, &got));
  EXPECT_EQ(got, hello);
  EXPECT_EQ(Rows().back().address, kServerIp);
}

TEST_F(GatewayTest, APrivateAddressIsDialledOnlyForTheNameTheOperatorNamed) {
  SetDocument(
      "allow=\"allowed.test\"\n[[rule]]\nallow=\"mirror.test\"\n"
      "resolves_to=[\"127.0.0.0/8\",\"10.0.0.0/8\"]\n");
  Start();
  answers_ = {"127.0.0.1", "10.0.0.1"};
  GoTo("allowed.test", 443);
  EXPECT_TRUE(loop_.RunUntil(Say(tcp_, Hello("allowed.test"), After::kKeepOpen)).reset);
  EXPECT_EQ(Rows().back().reason, "address_not_public");
  answers_ = {"127.0.0.1"};
  GoTo("mirror.test", 443);
  EXPECT_TRUE(loop_.RunUntil(Say(tcp_, Hello("mirror.test"), After::kKeepOpen)).reset);
  EXPECT_EQ(Rows().back().reason, "address_not_public");
}

TEST_F(GatewayTest, WhereOnlySomeRequestsAreAllowedAnUnreadableConnectionIsNot) {
  SetDocument("[[rule]]\nallow=\"allowed.test:*\"\nmethods=[\"GET\"]\n");
  Start();
  for (const uint16_t port : {443, 2222}) {
    GoTo("allowed.test", port);
    EXPECT_TRUE(loop_.RunUntil(Say(tcp_, Hello("allowed.test"), After::kKeepOpen)).reset);
    EXPECT_EQ(Rows().back().reason, "needs_inspection");
  }
  EXPECT_TRUE(loop_.RunUntil(Say(tcp_, "SSH-2.0-x\r\n", After::kKeepOpen)).reset);
  EXPECT_FALSE(Rows().back().allow);
  EXPECT_TRUE(resolved_.empty());
}

TEST_F(GatewayTest, FailuresToResolveOrDialAreResets) {
  Start();
  GoTo("allowed.test", 443);
  answers_ = {};
  EXPECT_TRUE(loop_.RunUntil(Say(tcp_, Hello("allowed.test"), After::kKeepOpen)).reset);
  EXPECT_EQ(Rows().back().reason, "resolve_failed");
  answers_ = {kServerIp};  // nobody listens
  EXPECT_TRUE(loop_.RunUntil(Say(tcp_, Hello("allowed.test"), After::kKeepOpen)).reset);
  EXPECT_EQ(Rows().back().reason, "dial_failed");
}

TEST_F(GatewayTest, AServerMaySpeakFirstOnAnAllowedPort) {
  Start();
  GoTo("allowed.test", 2222);
  std::string got;
  const Talk talk = loop_.RunUntil(SayWithServer(tcp_, 2222, "SSH-2.0-server\r\n",
                                                 "SSH-2.0-client\r\n", After::kHalfClose, &got));
  EXPECT_EQ(talk.received, "SSH-2.0-server\r\nSSH-2.0-client\r\n");
  EXPECT_EQ(Rows().back().bytes_in, 32u);
}

Task<Talk> WaitForBannerThenSay(SocketAddress gateway, std::string bytes, Duration pause) {
  Talk talk;
  auto stream = *co_await net::Connect(gateway, Now() + 2s);
  stream->set_read_timeout(3s);
  co_await async::Sleep(pause);
  (void)co_await stream->Write(bytes);
  (void)co_await stream->CloseWrite();
  std::vector<char> buffer(4096);
  for (;;) {
    const auto n = co_await stream->Read(buffer);
    if (!n) talk.reset = n.error().sys_errno() == ECONNRESET;
    if (!n || *n == 0) co_return talk;
    talk.received.append(buffer.data(), *n);
  }
}

Task<Talk> QuietTalk(SocketAddress gateway, std::string banner, std::string bytes,
                     std::string* got) {
  net::Listener listener(*net::ListenTcp(*SocketAddress::FromIp(kServerIp, 2222)));
  async::Event done;
  async::TaskGroup group;
  group.Spawn(EchoOnce(&listener, std::move(banner), got, &done));
  co_return co_await WaitForBannerThenSay(std::move(gateway), std::move(bytes), 80ms);
}

TEST_F(GatewayTest, AQuietClientGetsTheBannerAndALateHelloIsStillJudged) {
  Start();
  GoTo("allowed.test", 2222);
  std::string got;
  Talk talk = loop_.RunUntil(QuietTalk(tcp_, "220 hi\r\n", "EHLO x\r\n", &got));
  EXPECT_EQ(talk.received, "220 hi\r\nEHLO x\r\n");

  got.clear();
  talk = loop_.RunUntil(QuietTalk(tcp_, "", Hello("evil.test"), &got));
  EXPECT_TRUE(talk.reset);
  EXPECT_EQ(got, "");
  EXPECT_EQ(Rows().back().reason, "name_mismatch");
  talk = loop_.RunUntil(QuietTalk(tcp_, "", Hello("allowed.test"), &got));
  EXPECT_EQ(got, Hello("allowed.test"));
}

TEST_F(GatewayTest, AddressRulesOpenExactlyTheirAddresses) {
  SetRules({"203.0.113.0/24:2223"});
  Start();
  GoToAddress(kServerIp, 2223);
  std::string got;
  loop_.RunUntil(SayWithServer(tcp_, 2223, "", "raw", After::kHalfClose, &got));
  EXPECT_EQ(got, "raw");
  GoToAddress("203.0.114.1", 2223);
  EXPECT_TRUE(loop_.RunUntil(Say(tcp_, "raw bytes", After::kKeepOpen)).reset);
}

TEST_F(GatewayTest, AConnectionToTheListenerItselfIsRefused) {
  Start();
  destination_ = Error(Code::kNotFound, "not redirected");
  EXPECT_TRUE(loop_.RunUntil(Say(tcp_, Hello("allowed.test"), After::kKeepOpen)).reset);
  EXPECT_EQ(Rows().back().reason, "self");
  GoToAddress("127.0.0.1", tcp_.port());
  EXPECT_TRUE(loop_.RunUntil(Say(tcp_, Hello("allowed.test"), After::kKeepOpen)).reset);
  EXPECT_EQ(Rows().back().reason, "self");
  destination_ = Error(Code::kIo, "broken");
  EXPECT_TRUE(loop_.RunUntil(Say(tcp_, Hello("allowed.test"), After::kKeepOpen)).reset);
  EXPECT_EQ(Rows().back().reason, "no_destination");
}

TEST_F(GatewayTest, WithoutAPolicyOrAnAuditNothingLeaves) {
  Start();
  GoTo("allowed.test", 443);
  policy_ = nullptr;
  EXPECT_TRUE(loop_.RunUntil(Say(tcp_, Hello("allowed.test"), After::kKeepOpen)).reset);
  EXPECT_EQ(Rows().back().reason, "policy_unavailable");
  SetRules({"allowed.test:443"});
  gateway_.reset();
  audit::LogLimits none;
  none.pending_max = 0;
  const auto full = *audit::Log::Open(directory_ + "/full", audit_pool_, none);
  deps_.audit = full.get();
  Start();
  EXPECT_TRUE(loop_.RunUntil(Say(tcp_, Hello("allowed.test"), After::kKeepOpen)).reset);
  EXPECT_TRUE(resolved_.empty());
  gateway_.reset();
}

TEST_F(GatewayTest, WithoutTheListOfLocalNetworksNothingIsDialled) {
  deps_.local_networks = []() -> Result<policy::LocalNetworks> {
    return Error(Code::kIo, "no list");
  };
  Start();
  GoTo("allowed.test", 443);
  EXPECT_TRUE(loop_.RunUntil(Say(tcp_, Hello("allowed.test"), After::kKeepOpen)).reset);
  EXPECT_EQ(Rows().back().reason, "address_not_public");
}

Task<bool> IsReset(SocketStream* stream) {
  char byte;
  stream->set_read_timeout(1ms);
  const auto n = co_await stream->Read({&byte, 1});
  co_return !n && n.error().sys_errno() == ECONNRESET;
}

// How many of `n` are served and how many are reset, once `resets` of them are and each was looked
// at once more.
Task<std::pair<size_t, int>> OpenMany(SocketAddress gateway, int n, int resets, Gateway* g) {
  std::vector<Stream> streams;
  for (int i = 0; i < n; ++i) {
    // A reset can be quicker than the look at how the connect went.
    Stream stream = co_await OpenStream(gateway);
    if (stream != nullptr) streams.push_back(std::move(stream));
  }
  const auto seen = [&] { return n - static_cast<int>(streams.size()); };
  const TimePoint end = Now() + 10s;
  for (bool last = false; !last;) {
    last = seen() >= resets || Now() > end;
    std::vector<Stream> open;
    for (Stream& stream : streams) {
      if (!co_await IsReset(stream.get())) open.push_back(std::move(stream));
    }
    streams = std::move(open);
  }
  co_return std::pair(g->connections(), seen());
}

TEST_F(GatewayTest, ConnectionsOverTheLimitAreReset) {
  deps_.limits.connections_per_sandbox_max = 8;
  deps_.limits.turned_away_per_sandbox_max = 2;
  // Those that stay open say nothing for as long as the others take.
  deps_.limits.hello_timeout = deps_.limits.turn_away_timeout = 60s;
  Start();
  GoTo("allowed.test", 443);
  const auto [served, resets] = loop_.RunUntil(OpenMany(tcp_, 50, 40, gateway_.get()));
  EXPECT_EQ(served, 8u);
  EXPECT_EQ(resets, 40);
  EXPECT_EQ(Rows().front().reason, "limit");
}

Task<Talk> DetachWhileOpen(SocketAddress gateway, Gateway* g, SandboxId id) {
  auto stream = *co_await net::Connect(gateway, Now() + 2s);
  const TimePoint end = Now() + 10s;
  while (g->connections() == 0 && Now() < end) co_await async::Sleep(1ms);
  co_await async::Yield();  // it is counted before it begins
  g->Detach(id);
  Talk talk;
  char byte;
  const auto n = co_await stream->Read({&byte, 1});
  talk.reset = !n;
  auto again = co_await net::Connect(gateway, Now() + 1s);
  talk.received = again ? "open" : "refused";
  co_return talk;
}

TEST_F(GatewayTest, DetachResetsConnectionsAndClosesSockets) {
  Start();
  GoTo("allowed.test", 443);
  const Talk talk = loop_.RunUntil(DetachWhileOpen(tcp_, gateway_.get(), id_));
  EXPECT_TRUE(talk.reset);
  EXPECT_EQ(talk.received, "refused");
  EXPECT_EQ(gateway_->connections(), 0u);
  EXPECT_FALSE(gateway_->attached(id_));
}

TEST_F(GatewayTest, AttachTakesOnlyTheFourSocketsAndOnlyOnce) {
  Start();
  EXPECT_EQ(gateway_->Attach(id_, "", {}, 1).error().code(), Code::kConflict);
  EXPECT_EQ(gateway_->Attach(SandboxId("other"), "", {}, 1).error().code(), Code::kInvalid);
}

}  // namespace
}  // namespace cove::gateway
