#include "codec/tls_hello.h"

#include <algorithm>

namespace cove::codec {
namespace {

constexpr uint8_t kRecordHandshake = 22;
constexpr uint8_t kMessageClientHello = 1;
constexpr size_t kRecordHeaderBytes = 5;
constexpr size_t kRecordBytesMax = 16384;
constexpr size_t kMessageHeaderBytes = 4;
constexpr uint16_t kVersionTls10 = 0x0301;
constexpr uint16_t kVersionTls12 = 0x0303;

constexpr uint16_t kExtensionServerName = 0;
constexpr uint16_t kExtensionAlpn = 16;
constexpr uint16_t kExtensionEarlyData = 42;
constexpr uint16_t kExtensionSupportedVersions = 43;
constexpr uint16_t kExtensionEncryptedHello = 0xfe0d;

uint8_t Byte(char c) { return static_cast<uint8_t>(c); }

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool ok() const { return ok_; }
  // Everything was read and nothing was missing.
  bool done() const { return ok_ && bytes_.empty(); }
  bool empty() const { return bytes_.empty(); }
  std::string_view Take(size_t n) {
    if (!ok_ || bytes_.size() < n) {
      ok_ = false;
      return {};
    }
    const std::string_view out = bytes_.substr(0, n);
    bytes_.remove_prefix(n);
    return out;
  }
  uint32_t Number(size_t width) {
    uint32_t value = 0;
    for (const char c : Take(width)) value = value << 8 | Byte(c);
    return value;
  }
  // A vector with its length in front.
  std::string_view Vector(size_t width) { return Take(Number(width)); }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

bool ReadServerName(std::string_view body, ClientHello& hello) {
  Reader in(body);
  Reader list(in.Vector(2));
  if (!in.done()) return false;
  // RFC 6066 has one name type and forbids two names of a type, so: exactly one entry.
  const uint32_t type = list.Number(1);
  const std::string_view name = list.Vector(2);
  if (!list.done() || type != 0 || name.empty() || name.size() > 255) return false;
  for (const char c : name) {
    if (Byte(c) <= 0x20 || Byte(c) >= 0x7f) return false;
  }
  hello.server_name = name;
  return true;
}

bool ReadAlpn(std::string_view body, ClientHello& hello) {
  Reader in(body);
  Reader list(in.Vector(2));
  if (!in.done() || list.empty()) return false;
  while (list.ok() && !list.empty()) {
    const std::string_view protocol = list.Vector(1);
    if (protocol.empty()) return false;
    hello.alpn.emplace_back(protocol);
  }
  return list.done();
}

bool ReadVersions(std::string_view body, ClientHello& hello) {
  Reader in(body);
  Reader list(in.Vector(1));
  if (!in.done() || list.empty()) return false;
  while (list.ok() && !list.empty()) {
    const auto version = static_cast<uint16_t>(list.Number(2));
    // Values that are no version (GREASE, drafts) do not count.
    if (version >> 8 == 3) hello.version = std::max(hello.version, version);
  }
  return list.done();
}

bool ReadExtension(uint16_t type, std::string_view body, ClientHello& hello) {
  switch (type) {
    case kExtensionServerName:
      return ReadServerName(body, hello);
    case kExtensionAlpn:
      return ReadAlpn(body, hello);
    case kExtensionSupportedVersions:
      return ReadVersions(body, hello);
    case kExtensionEncryptedHello:
      hello.encrypted_hello = true;
      return true;
    case kExtensionEarlyData:
      hello.early_data = true;
      return true;
    default:
      return true;
  }
}

bool ReadExtensions(std::string_view body, ClientHello& hello) {
  Reader in(body);
  std::vector<uint16_t> seen;
  while (in.ok() && !in.empty()) {
    const auto type = static_cast<uint16_t>(in.Number(2));
    const std::string_view content = in.Vector(2);
    if (!in.ok() || std::find(seen.begin(), seen.end(), type) != seen.end()) return false;
    seen.push_back(type);
    if (!ReadExtension(type, content, hello)) return false;
  }
  return in.done();
}

bool ReadHello(std::string_view body, ClientHello& hello) {
  Reader in(body);
  hello.version = static_cast<uint16_t>(in.Number(2));
  in.Take(32);  // random
  const std::string_view session = in.Vector(1);
  const std::string_view suites = in.Vector(2);
  const std::string_view compressions = in.Vector(1);
  if (!in.ok() || hello.version < kVersionTls10 || hello.version > kVersionTls12 ||
      session.size() > 32 || suites.size() < 2 || suites.size() % 2 != 0 || compressions.empty()) {
    return false;
  }
  if (in.empty()) return true;  // TLS 1.2 and before: no extensions at all
  const std::string_view extensions = in.Vector(2);
  return in.done() && ReadExtensions(extensions, hello);
}

}  // namespace

ClientHelloParser::State ClientHelloParser::Feed(std::string_view bytes) {
  if (state_ != State::kNeedMore) return state_;
  wire_.append(bytes);
  state_ = ParseRecords();
  return state_;
}

ClientHelloParser::State ClientHelloParser::ParseRecords() {
  for (;;) {
    if (wire_.size() >= 1 && Byte(wire_[0]) != kRecordHandshake) return State::kBad;
    if (wire_.size() >= 2 && Byte(wire_[1]) != 3) return State::kBad;
    if (wire_.size() < kRecordHeaderBytes) return State::kNeedMore;
    const size_t size = static_cast<size_t>(Byte(wire_[3])) << 8 | Byte(wire_[4]);
    if (size == 0 || size > kRecordBytesMax) return State::kBad;
    if (wire_.size() < kRecordHeaderBytes + size) return State::kNeedMore;
    if (++records_ > kRecordsMax) return State::kBad;
    handshake_.append(wire_, kRecordHeaderBytes, size);
    wire_.erase(0, kRecordHeaderBytes + size);
    const State state = ParseHandshake();
    if (state != State::kNeedMore) return state;
  }
}

ClientHelloParser::State ClientHelloParser::ParseHandshake() {
  if (Byte(handshake_[0]) != kMessageClientHello) return State::kBad;
  if (handshake_.size() < kMessageHeaderBytes) return State::kNeedMore;
  Reader in(handshake_);
  in.Number(1);
  const size_t size = in.Number(3);
  if (size > kHelloBytesMax) return State::kBad;
  if (handshake_.size() < kMessageHeaderBytes + size) return State::kNeedMore;
  // A second message in the same record would be one that only the server parses.
  if (handshake_.size() > kMessageHeaderBytes + size) return State::kBad;
  return ReadHello(in.Take(size), hello_) ? State::kDone : State::kBad;
}

}  // namespace cove::codec
