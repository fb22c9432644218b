// A toolbox that answers from a script: what it was asked is kept, each kind of request has its
// replies. It listens on a unix socket as the real one does.
#pragma once

#include <functional>
#include <map>

#include "async/task_group.h"
#include "proto/toolbox_client.h"

namespace cove::api {

class FakeToolbox {
 public:
  using Type = proto::toolbox::Type;
  struct Reply {
    Type type;
    std::string body;
  };
  template <class Message>
  static Reply Of(Type type, const Message& message) {
    return {type, proto::Encode(message)};
  }
  static Reply Failure(Code code, std::string text) {
    return Of(Type::kError, proto::toolbox::ErrorReply{static_cast<uint8_t>(code), text});
  }

  explicit FakeToolbox(const std::string& path) : listener_(*net::ListenUnix(path)) {
    group_.Spawn(Accept());
  }

  std::map<Type, std::vector<Reply>> replies;
  // Frames that came, in order: the request of a connection and what followed it.
  std::vector<proto::Frame> asked;
  int open_connections = 0;
  // The socket that kPortConnect hands over; without one the port is closed.
  std::function<UniqueFd()> port;

 private:
  async::Task<void> Accept() {
    for (;;) {
      auto fd = co_await listener_.Accept();
      if (!fd) co_return;
      group_.Spawn(Serve(std::make_unique<proto::Channel>(*std::move(fd))));
    }
  }
  async::Task<void> Serve(std::unique_ptr<proto::Channel> channel) {
    ++open_connections;
    co_await Answer(std::move(channel));
    --open_connections;
  }
  async::Task<void> Answer(std::unique_ptr<proto::Channel> channel) {
    auto request = co_await channel->Receive();
    if (!request) co_return;
    const Type type = static_cast<Type>(request->type);
    asked.push_back(*std::move(request));
    if (type == Type::kPortConnect && port) {
      const UniqueFd socket = port();
      (void)co_await channel->SendRaw(static_cast<uint16_t>(Type::kConnected), {}, {socket.get()});
      co_return;
    }
    if (type == Type::kFileWrite) {
      for (;;) {
        auto data = co_await channel->Receive();
        if (!data) co_return;
        const bool end = static_cast<Type>(data->type) == Type::kDataEnd;
        asked.push_back(*std::move(data));
        if (end) break;
      }
    }
    for (const Reply& reply : replies[type]) {
      (void)co_await channel->SendRaw(static_cast<uint16_t>(reply.type), reply.body);
    }
    // The host hangs up first.
    (void)co_await channel->Receive();
  }

  net::Listener listener_;
  async::TaskGroup group_;
};

}  // namespace cove::api
