// Netlink messages: built ahead (allocates), sent later (async-signal-safe, so a child between
// clone and exec can do it). Sources: netlink(7), rtnetlink(7).
// Thread: values; no sharing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace cove::sys {

// Any number of messages behind one another, each of which asks for an acknowledgement unless it
// was begun without one.
class NetlinkBatch {
 public:
  enum class Ack { kWanted, kNone };

  // Starts a message; `header` is the family's fixed part (ifaddrmsg, nfgenmsg, ...). The message
  // before it ends here.
  void Begin(uint16_t type, uint16_t flags, std::span<const std::byte> header,
             Ack ack = Ack::kWanted);
  template <class Header>
  void Begin(uint16_t type, uint16_t flags, const Header& header, Ack ack = Ack::kWanted) {
    Begin(type, flags, std::as_bytes(std::span(&header, 1)), ack);
  }

  void Attr(uint16_t type, std::string_view bytes);
  void AttrU32(uint16_t type, uint32_t value);  // host order
  void AttrBe32(uint16_t type, uint32_t value);
  void AttrText(uint16_t type, std::string_view text);  // with its final zero

  // Attributes added between the two calls are inside the nested one.
  size_t BeginNest(uint16_t type);
  void EndNest(size_t start);

  const std::string& bytes() const { return bytes_; }
  uint32_t acks() const { return acks_; }

 private:
  void PatchLength();
  std::string bytes_;
  size_t message_ = 0;
  uint32_t sequence_ = 0;
  uint32_t acks_ = 0;
};

// Appends one attribute (header, bytes, padding to 4) to `out`.
void AppendAttr(std::string& out, uint16_t type, std::string_view bytes);

// Sends a batch over a netlink socket of the caller's and waits for its acknowledgements.
// Returns 0 or the errno of the first message that failed. Async-signal-safe; retries EINTR.
int NetlinkTransact(int socket, const char* bytes, size_t size, uint32_t acks);

// lo up with 10.0.0.2/32-like addresses and default routes through it, so that every destination
// is reachable in principle and the rules decide.
NetlinkBatch LoopbackOnlyNetwork(std::string_view address4, std::string_view address6);

}  // namespace cove::sys
