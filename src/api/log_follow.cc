#include "api/log_follow.h"

#include "api/inside.h"
#include "async/task_group.h"
#include "http/websocket.h"

namespace cove::api {
namespace {

struct Follow {
  std::unique_ptr<toolbox::LogStream> stream;
  std::unique_ptr<http::WebSocket> socket;
  control::Sandboxes* sandboxes = nullptr;
  SandboxId sandbox;
  async::Event done;
};

Task<void> SendLog(Follow* follow) {
  using Kind = toolbox::LogEvent::Kind;
  LogMarker marker;
  for (;;) {
    auto event = co_await follow->stream->Next();
    if (!event) {
      // The sandbox went away in the middle; the client must not take this for the whole log.
      const Error why = co_await follow->sandboxes->Explain(follow->sandbox, event.error());
      (void)co_await follow->socket->Close(1011, CloseReason(why.message()));
      break;
    }
    if (event->kind == Kind::kEnd) {
      (void)co_await follow->socket->Close(1000, {});
      break;
    }
    const auto stream =
        event->kind == Kind::kStderr ? LogMarker::Stream::kStderr : LogMarker::Stream::kStdout;
    const std::string bytes = marker.Mark(stream, event->data);
    if (!co_await follow->socket->SendBinary(bytes)) break;
  }
  follow->done.Set();
}

// Clients send nothing here; this notices that they are gone.
Task<void> WatchPeer(Follow* follow) {
  while (co_await follow->socket->Receive()) {
  }
  follow->done.Set();
}

}  // namespace

Task<Result<void>> FollowLogs(Call& call) {
  if (!http::IsWebSocketUpgrade(call.request())) {
    co_return Error(Code::kInvalid,
                    "follow=true needs a WebSocket; without it the log so far is "
                    "returned");
  }
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_ASSIGN_OR_RETURN(const control::Sandbox sandbox, FindSandbox(call));
  Follow follow;
  follow.sandboxes = call.deps().sandboxes;
  follow.sandbox = sandbox.id;
  toolbox::CommandLogs request{call.Param("session"), call.Param("command"), true};
  CO_ASSIGN_OR_RETURN(follow.stream, co_await client.Logs(std::move(request)));
  CO_ASSIGN_OR_RETURN(follow.socket, co_await http::AcceptWebSocket(
                                         call.exchange(), VersionSubprotocol(call.request())));
  async::TaskGroup group;
  group.Spawn(SendLog(&follow));
  group.Spawn(WatchPeer(&follow));
  co_await follow.done.Wait();
  co_return Ok();
}

}  // namespace cove::api
