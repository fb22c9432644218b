#include "proto/channel.h"

namespace cove::proto {
namespace {
constexpr size_t kHeader = 8;

struct Header {
  uint32_t length = 0;
  uint16_t type = 0;
  uint16_t zero = 0;
  template <class A>
  void Fields(A& a) {
    a(length, type, zero);
  }
};
}  // namespace

Task<Result<Frame>> Channel::Receive() {
  char raw[kHeader];
  size_t have = 0;
  std::vector<UniqueFd> fds;
  while (have < kHeader) {
    CO_ASSIGN_OR_RETURN(const size_t n,
                        co_await stream_->ReadWithFds(std::span(raw).subspan(have), &fds));
    if (n == 0) co_return Error(Code::kClosed, "the peer closed the channel");
    have += n;
  }
  CO_ASSIGN_OR_RETURN(const Header header, Decode<Header>(std::string_view(raw, kHeader)));
  if (header.zero != 0 || header.length > kFrameBodyMax) {
    co_return Error(Code::kInvalid, "a frame of the private protocol is malformed or too large");
  }
  Frame frame;
  frame.type = header.type;
  frame.fds = std::move(fds);
  frame.body.resize(header.length);
  CO_RETURN_IF_ERROR(co_await net::ReadExactly(*stream_, frame.body));
  co_return std::move(frame);
}

Task<Result<void>> Channel::SendRaw(uint16_t type, std::string body, std::vector<int> fds) {
  co_return co_await SendView(type, body, std::move(fds));
}

Task<Result<void>> Channel::SendView(uint16_t type, std::string_view body, std::vector<int> fds) {
  if (body.size() > kFrameBodyMax) {
    co_return Error(Code::kTooLarge, "a message is larger than a frame of the private protocol");
  }
  Header header;
  header.length = static_cast<uint32_t>(body.size());
  header.type = type;
  const std::string head = Encode(header);
  co_return co_await stream_->SendParts(head, body, std::move(fds));
}

}  // namespace cove::proto
