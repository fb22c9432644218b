#include "gateway/second_hello.h"

#include <array>

#include "codec/tls_hello.h"
#include "gateway/tunnel.h"

namespace cove::gateway {
namespace {

using policy::Reason;

constexpr char kHandshake = 22;
constexpr char kServerHello = 2;
constexpr size_t kRecordHead = 5;
constexpr size_t kRandomAt = 11;  // record's head, message's type and length, version
constexpr size_t kSecondMax = 96 * 1024;
// The random of a ServerHello that is a HelloRetryRequest (RFC 8446 section 4.1.3).
constexpr std::array<unsigned char, 32> kRetry = {
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
    0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C};

bool MayBeServerHello(std::string_view bytes) {
  return (bytes.empty() || bytes.front() == kHandshake) &&
         (bytes.size() <= kRecordHead || bytes[kRecordHead] == kServerHello);
}

bool IsRetry(std::string_view bytes) {
  if (bytes.size() < kRandomAt + kRetry.size() || !MayBeServerHello(bytes)) return false;
  return std::equal(kRetry.begin(), kRetry.end(), bytes.begin() + kRandomAt,
                    [](unsigned char a, char b) { return a == static_cast<unsigned char>(b); });
}

// The second hello in what the client sends: records before it (change_cipher_spec, early data that
// the server drops) are passed over. Nothing: more is needed.
std::optional<HelloName> FindHello(std::string_view bytes) {
  while (bytes.size() >= kRecordHead && bytes.front() != kHandshake) {
    const size_t length = static_cast<size_t>(static_cast<unsigned char>(bytes[3])) << 8 |
                          static_cast<unsigned char>(bytes[4]);
    if (bytes.size() < kRecordHead + length) return std::nullopt;
    bytes.remove_prefix(kRecordHead + length);
  }
  if (bytes.size() < kRecordHead) return std::nullopt;
  codec::ClientHelloParser parser;
  switch (parser.Feed(bytes)) {
    case codec::ClientHelloParser::State::kNeedMore:
      return std::nullopt;
    case codec::ClientHelloParser::State::kDone:
      return ReadHelloName(parser.hello(), std::nullopt);
    case codec::ClientHelloParser::State::kBad:
      break;
  }
  return HelloName{Reason::kMalformed, {}};
}

Reason ReasonOf(const Error& error) {
  return error.code() == Code::kTimeout ? Reason::kHelloTimeout : Reason::kBroken;
}

[[gnu::noinline]] Task<Reason> PassFromClient(Incoming& in, net::SocketStream& server,
                                              Ledger& ledger, JudgeHello judge) {
  std::string bytes;
  std::vector<char> buffer(8 * 1024);
  in.socket->set_read_timeout(in.box.deps.limits.hello_timeout);
  for (;;) {
    const auto n = co_await in.socket->Read(buffer);
    if (!n) co_return ReasonOf(n.error());
    if (*n == 0) co_return Reason::kClientClosed;
    bytes.append(buffer.data(), *n);
    const auto name = FindHello(bytes);
    if (!name && bytes.size() > kSecondMax) co_return Reason::kMalformed;
    if (!name) continue;
    const Reason reason = judge(*name);
    if (reason != Reason::kAllowed) co_return reason;
    if (!SpendBytes(ledger.lease(), bytes.size())) co_return Reason::kUsedUp;
    const auto sent = co_await server.Write(bytes);
    if (!sent) co_return ReasonOf(sent.error());
    ledger.AddBytes(bytes.size(), 0);
    co_return Reason::kAllowed;
  }
}

}  // namespace

Task<Reason> PassSecondHello(Incoming& in, net::SocketStream& server, Ledger& ledger,
                             JudgeHello judge) {
  std::string bytes;
  std::vector<char> buffer(8 * 1024);
  server.set_read_timeout(in.box.deps.limits.hello_timeout);
  while (bytes.size() < kRandomAt + kRetry.size() && MayBeServerHello(bytes)) {
    const auto n = co_await server.Read(buffer);
    if (!n) co_return ReasonOf(n.error());
    if (*n == 0) break;
    bytes.append(buffer.data(), *n);
  }
  server.set_read_timeout({});
  if (!SpendBytes(ledger.lease(), bytes.size())) co_return Reason::kUsedUp;
  in.socket->set_write_timeout(in.box.deps.limits.hello_timeout);
  const auto told = co_await in.socket->Write(bytes);
  if (!told) co_return ReasonOf(told.error());
  ledger.AddBytes(0, bytes.size());
  if (!IsRetry(bytes)) co_return Reason::kAllowed;
  const Reason reason = co_await PassFromClient(in, server, ledger, std::move(judge));
  in.socket->set_read_timeout({});
  co_return reason;
}

}  // namespace cove::gateway
