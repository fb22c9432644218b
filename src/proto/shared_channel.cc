#include "proto/shared_channel.h"

#include <algorithm>

namespace cove::proto::toolbox {

Task<Result<void>> SharedChannel::SendBytes(Type type, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, std::min(bytes.size(), kPieceBytes));
    CO_RETURN_IF_ERROR(co_await SendInTurn(type, piece, {}));
    bytes.remove_prefix(piece.size());
  }
  co_return Ok();
}

Task<Result<void>> SharedChannel::SendWhole(Type type, std::string body, std::vector<int> fds) {
  co_return co_await SendInTurn(type, body, std::move(fds));
}

Task<Result<void>> SharedChannel::SendInTurn(Type type, std::string_view body,
                                             std::vector<int> fds) {
  while (sending_) co_await idle_.Wait();
  if (broken_) co_return Error(Code::kClosed, "the connection to the toolbox broke off");
  struct Turn {
    SharedChannel* channel;
    bool whole = false;
    explicit Turn(SharedChannel* c) : channel(c) { channel->sending_ = true; }
    ~Turn() {
      channel->sending_ = false;
      if (!whole) channel->broken_ = true;
      channel->idle_.NotifyAll();
    }
  } turn(this);
  auto sent = co_await channel_.SendView(static_cast<uint16_t>(type), body, std::move(fds));
  // Too large is said before its first byte is sent.
  turn.whole = sent.ok() || sent.error().code() == Code::kTooLarge;
  co_return std::move(sent);
}

}  // namespace cove::proto::toolbox
