// Bridge: the model gateway. One call comes in, goes to its provider with the real key, and the
// answer goes back byte for byte while a copy is read for the books.
//
// Order of a call: route -> key there? -> limits of calls -> body (held, within Limits) -> judged
// -> budgets and row in the Books -> upstream -> answer streamed -> row completed, with what was
// said. Whatever fails before "upstream" means that nothing left the machine. On a WebSocket
// (bridge_socket.cc) each message that asks for a response is such a call. A call belongs to the
// bridge, not to its connection: a Serve that is destroyed half-way (its sandbox is gone) leaves
// the answer to be heard out, within limits, and the row to be completed. Thread: loop-confined.
// Books and pool must outlive the object, and the object its Serve tasks.
#pragma once

#include <functional>
#include <optional>

#include "async/task_group.h"
#include "bridge/books.h"
#include "bridge/guard.h"
#include "bridge/held_bytes.h"
#include "bridge/relay.h"
#include "bridge/request_edit.h"
#include "bridge/upstream.h"
#include "http/server.h"
#include "json/json.h"

namespace cove::bridge {

struct Limits {
  size_t request_bytes_max = 32 * 1024 * 1024;  // else 413
  size_t held_bytes_max = 256 * 1024 * 1024;    // of all (held_bytes.h), else 429 or 503
  // A body, or a message of a WebSocket, comes at least this fast, but for its last step: else 408.
  size_t body_step_bytes = 64 * 1024;
  Duration body_step_time = seconds(30);
  Duration drain_time = seconds(60);  // for the usage, after the agent has gone
  int websockets_max = 128;           // of one caller: between its calls none has a seat. Else 426
};

// What an operator sets about the wire ([ai]).
struct WireSettings {
  AskUsage ask_usage = AskUsage::kYes;  // of chat completions that stream
  Aliases aliases;                      // names of models, and what providers are asked for
  enum class WebSocket { kServe, kRefuse } websocket = WebSocket::kServe;
};

struct Caller {
  OrgId org;                  // empty: nobody knows who it is, and it is barred
  std::string user;           // who made the sandbox, or holds the key or token
  SandboxId sandbox;          // empty: from outside and bound to none
  std::string template_name;  // the snapshot of the sandbox
  std::string key_id;         // from outside: this API key
  std::string token_id;       // by way of this token of it
  // Why it may call nothing: Serve says so in the words of the provider that it asks for.
  std::optional<ProviderError> barred;
};

class Bridge {
 public:
  struct Deps {
    Books* books = nullptr;
    async::ThreadPool* resolver_pool = nullptr;
    std::vector<Provider> providers;
    Guard guard;
    // What the policy of the caller's sandbox (empty: its organisation's) says beside it, or why
    // that cannot be told: then nothing is asked for. Empty: nothing is said. Asked at each call.
    std::function<Result<Guards>(const OrgId&, const SandboxId&)> guards;
    std::unique_ptr<Tape> tape;  // null: providers are asked, and nothing is kept
    // Whether a sandbox may reach a URL, as it would itself; empty: every one. Asked for what a
    // request makes the provider fetch.
    std::function<bool(const SandboxId&, const http::Url&)> may_reach;
    // Why a caller that was let in may go on no longer: its key or token has ended, say. Empty:
    // each may. Asked for each further call on a connection, which ends with it.
    std::function<std::optional<ProviderError>(const Caller&)> ended;
    // Told of each call that a sandbox makes on a connection it has already; empty: nobody.
    std::function<void(const SandboxId&)> used;
    WireSettings wire;
    Limits limits;
  };
  explicit Bridge(Deps deps);

  // Answers the exchange. `path` is the request's path with what leads to the gateway taken away:
  // "/openai/v1/responses"; the query is taken from the request. The caller is authenticated
  // already (by its namespace, its token or its API key), or barred.
  Task<void> Serve(Caller caller, http::Exchange& exchange, std::string path);

  // Waits, at most until then, for calls that have lost their agent and for rows to be completed.
  Task<void> Flush(TimePoint deadline);

  // Names, for start-up's log: never a key.
  std::vector<std::string> ProvidersWithKey() const;

 private:
  struct InFlight;  // what one Serve knows
  struct Body;      // of a request
  struct Judged;    // a request that may be sent
  class Course;     // a call that was admitted, until its end
  class Socket;
  class Connected;
  Task<void> ServeRoute(InFlight& call);
  // Why it cannot be read, or nothing and `out` is filled. Both references outlive the task.
  Task<std::optional<ProviderError>> ReadBody(InFlight& call, Body& out);
  Task<std::optional<ProviderError>> ReadSent(InFlight& call, std::string& out);
  // Looks into the request: why it is refused, or nothing and `out` is filled.
  std::optional<ProviderError> Judge(const InFlight& call, std::string_view body,
                                     Judged& out) const;
  // The same of a body that is parsed already.
  std::optional<ProviderError> JudgeParsed(const InFlight& call, std::string_view body,
                                           json::Object request, Judged& out) const;
  // Why the request may not go: the guard says so, or it names a URL that its sandbox may not
  // reach.
  std::optional<ProviderError> Forbidden(const InFlight& call, const json::Object& request,
                                         const Reach& reach) const;
  Task<void> ServeRecorded(InFlight& call, std::string body, Judged judged);
  Task<void> EndCall(Ticket ticket, CallEnd end, Said said);
  // Without a response the agent was told why.
  Task<Sent> SendUpstream(InFlight& call, std::string body);
  RelayOptions OptionsOf(const InFlight& call) const;
  static Outgoing OutgoingOf(const InFlight& call);  // without the body
  Task<void> ServeSocket(InFlight& call);
  static Task<void> HearOut(std::unique_ptr<Socket> socket);
  // Why the path leads nowhere, if it does.
  static std::optional<ProviderError> NoRoute(const InFlight& call);
  // What is known of the call before its body is read.
  static CallStart StartOf(const InFlight& call);
  // Tells the agent.
  Task<void> Refuse(InFlight& call, ProviderError error);
  // Tells the book as well. No record of a call is handed over: it would have its place in the
  // frame of whoever refuses, for as long as the calls last that are not refused.
  Task<void> RefuseNew(InFlight& call, ProviderError error);

  Deps deps_;
  Upstream upstream_;
  HeldBytes held_;
  Rates sockets_;          // that each caller has open
  async::TaskGroup ends_;  // last: its tasks use all the others
};

}  // namespace cove::bridge
