// The first message of a TLS connection: what name does the client say it wants?
//
// Concept: bytes are fed as they come, in pieces of any size; as soon as the ClientHello is whole
// the parser knows server name, ALPN and whether Encrypted Client Hello is offered. It is strict:
// what two parsers could read differently (a second server_name, an extension twice, bytes left
// over, a name with a NUL, SSLv2 framing) is kBad, because the server at the other end is a
// second parser. Sources: RFC 8446 section 4.1.2, RFC 6066 section 3, RFC 7301, RFC 9849.
// Limits: kHelloBytesMax of handshake, kRecordsMax records.
// Thread: a value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cove::codec {

struct ClientHello {
  uint16_t version = 0;           // the highest offered: 0x0303 TLS 1.2, 0x0304 TLS 1.3
  std::string server_name;        // as sent; empty when absent
  std::vector<std::string> alpn;  // as sent, in order
  bool encrypted_hello = false;   // the ECH extension is there (GREASE looks the same)
  bool early_data = false;
};

class ClientHelloParser {
 public:
  static constexpr size_t kHelloBytesMax = 64 * 1024;
  static constexpr size_t kRecordsMax = 64;

  enum class State : uint8_t { kNeedMore, kDone, kBad };

  // Reads all of `bytes`; what follows the ClientHello is not looked at. Once kDone or kBad, that
  // stays.
  State Feed(std::string_view bytes);
  State state() const { return state_; }
  // REQUIRES: kDone.
  const ClientHello& hello() const { return hello_; }

 private:
  State ParseRecords();
  State ParseHandshake();

  State state_ = State::kNeedMore;
  std::string wire_;       // bytes of the record being received
  std::string handshake_;  // payloads of whole records
  size_t records_ = 0;
  ClientHello hello_;
};

}  // namespace cove::codec
