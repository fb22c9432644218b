// SOCKS5 from the server's side (RFC 1928): greeting and request in, answers out. No I/O.
//
// Only "no authentication" is offered. The name of a request is handed out as its bytes came, by
// its length, whatever they are: who judges it must refuse what is no host name. Limits: both
// messages are bounded by their own length bytes. Thread: a value.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cove::codec {

inline constexpr std::string_view kSocksNoAuthentication("\x05\x00", 2);
inline constexpr std::string_view kSocksNoMethod = "\x05\xff";

enum class SocksCommand : uint8_t { kConnect = 1, kBind = 2, kUdpAssociate = 3 };
enum class SocksReply : uint8_t {
  kSucceeded = 0,
  kFailed = 1,
  kNotAllowed = 2,
  kHostUnreachable = 4,
  kCommandNotSupported = 7,
  kAddressNotSupported = 8,
};

struct SocksRequest {
  SocksCommand command = SocksCommand::kConnect;
  std::string name;  // empty when an address was given
  std::optional<std::array<uint8_t, 4>> v4;
  std::optional<std::array<uint8_t, 16>> v6;
  uint16_t port = 0;
};

class SocksParser {
 public:
  enum class State {
    kGreeting,  // more bytes of it are needed
    kGreeted,   // answer with kSocksNoAuthentication, then go on
    kNoMethod,  // the end: answer with kSocksNoMethod
    kRequest,   // more bytes of it are needed
    kDone,      // request() is whole
    kBadCommand,
    kBadAddress,  // the end: answer so
    kBad,         // the end: this is not SOCKS5
  };
  // Takes what it can from the front of *in, and stops behind the greeting and behind the request.
  State Next(std::string_view* in);
  const SocksRequest& request() const { return request_; }

 private:
  State TakeGreeting();
  State TakeRequest();

  State state_ = State::kGreeting;
  std::string buffer_;
  SocksRequest request_;
};

// An answer to a request; the bound address is not told.
std::string WriteSocksReply(SocksReply reply);

}  // namespace cove::codec
