// Reading replies of a toolbox: what the client and its streams share. Private to proto.
#pragma once

#include <memory>
#include <string>

#include "proto/shared_channel.h"

namespace cove::proto::toolbox {

// The error that a kError frame carries; a frame of another type is a broken promise.
Error ErrorOfFrame(const Frame& frame);

// The next frame; a kError frame becomes its error.
Task<Result<Frame>> ReceiveReply(SharedChannel& channel);

inline bool Is(const Frame& frame, Type type) { return frame.type == static_cast<uint16_t>(type); }

// The next frame, which must be of `type`, decoded.
template <class Message>
Task<Result<Message>> ReceiveMessage(SharedChannel& channel, Type type) {
  CO_ASSIGN_OR_RETURN(const Frame frame, co_await ReceiveReply(channel));
  if (!Is(frame, type)) co_return ErrorOfFrame(frame);
  co_return Decode<Message>(frame.body);
}

}  // namespace cove::proto::toolbox
