#include "api/socketio.h"

#include "api/sandbox_dto.h"
#include "api/socketio_codec.h"
#include "async/deadline.h"
#include "base/text.h"
#include "http/websocket.h"

namespace cove::api {
namespace {

constexpr size_t kBacklogMax = 1000;  // packets that wait for a slow client
constexpr seconds kConnectDeadline{20};

struct Session {
  const Context* context = nullptr;
  Origin origin;
  std::unique_ptr<http::WebSocket> socket;
  OrgId org;
  async::Queue<std::string> outgoing;
  bool pong_missing = false;
  async::Event done;
};

Task<Result<identity::Caller>> ReceiveConnect(Session* session) {
  for (;;) {
    CO_ASSIGN_OR_RETURN(const auto message, co_await session->socket->Receive());
    const socketio::Packet packet = socketio::Parse(message.data);
    if (packet.kind != socketio::Kind::kConnect) continue;
    co_return session->context->deps.keys->Verify(packet.token);
  }
}

Task<void> ReadPackets(Session* session) {
  for (;;) {
    auto message = co_await session->socket->Receive();
    if (!message) break;
    const socketio::Packet packet = socketio::Parse(message->data);
    if (packet.kind == socketio::Kind::kPing) {
      session->outgoing.Push(std::string(socketio::kPongPacket));
    } else if (packet.kind == socketio::Kind::kPong) {
      session->pong_missing = false;
    } else if (packet.kind == socketio::Kind::kClose ||
               packet.kind == socketio::Kind::kDisconnect) {
      break;
    }
  }
  session->done.Set();
}

Task<void> WritePackets(Session* session) {
  for (;;) {
    const std::string packet = co_await session->outgoing.Pop();
    if (!co_await session->socket->SendText(packet)) break;
  }
  session->done.Set();
}

Task<void> PingPeer(Session* session) {
  for (;;) {
    co_await async::Sleep(socketio::kPingInterval);
    session->pong_missing = true;
    session->outgoing.Push(std::string(socketio::kPingPacket));
    co_await async::Sleep(socketio::kPingTimeout);
    if (session->pong_missing) break;
  }
  session->done.Set();
}

void OnChange(Session* session, const control::Change& change) {
  if (change.sandbox.org != session->org) return;
  if (session->outgoing.size() >= kBacklogMax) {
    session->done.Set();
    return;
  }
  json::Object dto = SandboxDto(change.sandbox, session->origin);
  if (!change.from) {
    session->outgoing.Push(socketio::EventPacket("sandbox.created", json::Write(dto)));
    return;
  }
  json::Object payload;
  payload["sandbox"] = std::move(dto);
  payload["oldState"] = control::StateName(*change.from);
  payload["newState"] = control::StateName(change.to);
  session->outgoing.Push(socketio::EventPacket("sandbox.state.updated", json::Write(payload)));
}

// The handshake: our opening packet, the client's key, our yes or no.
Task<Result<void>> Greet(Session* session) {
  const std::string open = socketio::OpenPacket(RandomHex(10));
  CO_RETURN_IF_ERROR(co_await session->socket->SendText(open));
  auto caller = co_await async::WithDeadline(ReceiveConnect(session), Now() + kConnectDeadline,
                                             "the socket.io handshake");
  if (!caller) {
    const std::string refused = socketio::RefusedPacket("Unauthorized");
    (void)co_await session->socket->SendText(refused);
    co_return std::move(caller).error();
  }
  session->org = caller->org;
  const std::string connected = socketio::ConnectedPacket(RandomHex(10));
  co_return co_await session->socket->SendText(connected);
}

}  // namespace

Task<void> ServeSocketIo(const Context& context, http::Exchange& exchange) {
  if (!http::IsWebSocketUpgrade(exchange.request())) {
    co_await SendError(exchange,
                       Error(Code::kInvalid, "socket.io is served by its websocket transport only"),
                       Area::kControl);
    co_return;
  }
  Session session;
  session.context = &context;
  session.origin = Origin::Of(exchange.request(), context.settings.public_url);
  auto socket = co_await http::AcceptWebSocket(exchange, {});
  if (!socket) co_return;
  session.socket = *std::move(socket);
  if (!co_await Greet(&session)) {
    (void)co_await session.socket->Close(1000, {});
    co_return;
  }
  const control::Subscription subscription = context.deps.sandboxes->Subscribe(
      [s = &session](const control::Change& change) { OnChange(s, change); });
  async::TaskGroup group;
  group.Spawn(ReadPackets(&session));
  group.Spawn(WritePackets(&session));
  group.Spawn(PingPeer(&session));
  co_await session.done.Wait();
}

}  // namespace cove::api
