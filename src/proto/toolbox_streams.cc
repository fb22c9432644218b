#include "proto/toolbox_client.h"
#include "proto/toolbox_reply.h"

namespace cove::proto::toolbox {

Error ErrorOfFrame(const Frame& frame) {
  if (!Is(frame, Type::kError)) {
    return {Code::kInternal,
            "the toolbox answered with an unexpected frame " + std::to_string(frame.type)};
  }
  auto reply = Decode<ErrorReply>(frame.body);
  if (!reply) return std::move(reply).error();
  if (reply->code > static_cast<uint8_t>(Code::kInternal)) {
    return {Code::kInternal, std::move(reply->message)};
  }
  return {static_cast<Code>(reply->code), std::move(reply->message)};
}

Task<Result<Frame>> ReceiveReply(SharedChannel& channel) {
  auto frame = co_await channel.Receive();
  if (!frame) co_return std::move(frame).error().Wrap("the sandbox's toolbox went away");
  if (Is(*frame, Type::kError)) co_return ErrorOfFrame(*frame);
  co_return std::move(frame);
}

Task<Result<ExecEvent>> ExecStream::Next() {
  if (exited_) co_return Error(Code::kClosed, "the command has ended");
  CO_ASSIGN_OR_RETURN(Frame frame, co_await ReceiveReply(*channel_));
  ExecEvent event;
  if (Is(frame, Type::kExited)) {
    CO_ASSIGN_OR_RETURN(event.status, Decode<ExitStatus>(frame.body));
    event.kind = ExecEvent::Kind::kExited;
    exited_ = true;
    co_return std::move(event);
  }
  if (!Is(frame, Type::kStdout) && !Is(frame, Type::kStderr)) co_return ErrorOfFrame(frame);
  if (Is(frame, Type::kStderr)) event.kind = ExecEvent::Kind::kStderr;
  event.data = std::move(frame.body);
  co_return std::move(event);
}

Task<Result<void>> ExecStream::WriteStdin(std::string_view bytes) {
  return channel_->SendBytes(Type::kStdin, bytes);
}
Task<Result<void>> ExecStream::CloseStdin() { return channel_->SendWhole(Type::kStdinEnd, {}); }
Task<Result<void>> ExecStream::Signal(int signal) {
  return channel_->SendMessage(Type::kSignal, SignalRequest{signal});
}
Task<Result<void>> ExecStream::Resize(WindowSize window) {
  return channel_->SendMessage(Type::kResize, window);
}

Task<Result<LogEvent>> LogStream::Next() {
  CO_ASSIGN_OR_RETURN(Frame frame, co_await ReceiveReply(*channel_));
  LogEvent event;
  if (Is(frame, Type::kLogEnd)) {
    CO_ASSIGN_OR_RETURN(event.command, Decode<CommandInfo>(frame.body));
    event.kind = LogEvent::Kind::kEnd;
    co_return std::move(event);
  }
  if (!Is(frame, Type::kStdout) && !Is(frame, Type::kStderr)) co_return ErrorOfFrame(frame);
  if (Is(frame, Type::kStderr)) event.kind = LogEvent::Kind::kStderr;
  event.data = std::move(frame.body);
  co_return std::move(event);
}

Task<Result<std::string>> FileReader::Next() {
  if (ended_) co_return std::string();
  CO_ASSIGN_OR_RETURN(Frame frame, co_await ReceiveReply(*channel_));
  ended_ = Is(frame, Type::kDataEnd);
  if (ended_) co_return std::string();
  if (!Is(frame, Type::kData) || frame.body.empty()) co_return ErrorOfFrame(frame);
  co_return std::move(frame.body);
}

Task<Result<void>> FileWriter::Write(std::string_view bytes) {
  return channel_->SendBytes(Type::kData, bytes);
}

Task<Result<void>> FileWriter::Finish() {
  // If this cannot be sent, the toolbox has given up and its reason waits to be read.
  (void)co_await channel_->SendWhole(Type::kDataEnd, {});
  CO_RETURN_IF_ERROR(co_await ReceiveMessage<Empty>(*channel_, Type::kOk));
  co_return Ok();
}

Task<Result<std::vector<PortInfo>>> PortWatch::Next() {
  CO_ASSIGN_OR_RETURN(Ports ports, co_await ReceiveMessage<Ports>(*channel_, Type::kPorts));
  co_return std::move(ports.ports);
}

}  // namespace cove::proto::toolbox
