// Bridge: the model gateway. One call comes in, goes to its provider with the real key, and the
// answer goes back byte for byte while a copy is read for the books.
//
// Order of a call: route -> key there? -> body (held, at most kRequestBytesMax) -> checks ->
// limits, budgets and row in the Books, on disk -> upstream -> answer streamed -> row completed.
// Whatever fails before "upstream" means that nothing left the machine. Thread: loop-confined.
// Books and client must outlive the object, and the object its Serve tasks.
#pragma once

#include <functional>
#include <optional>

#include "bridge/books.h"
#include "bridge/headers.h"
#include "http/client.h"
#include "http/server.h"
#include "json/json.h"

namespace cove::bridge {

struct Limits {
  size_t request_bytes_max = 32 * 1024 * 1024;  // else 413
  size_t held_bytes_max = 256 * 1024 * 1024;    // of all requests together, else 503
  Duration head_timeout = seconds(600);         // until the answer starts
  Duration body_timeout = seconds(300);         // between two pieces of the answer
  Duration drain_time = seconds(60);            // for the usage, after the agent has gone
};

struct Caller {
  OrgId org;
  std::string user;           // who made the sandbox, or holds the key or token
  SandboxId sandbox;          // empty: from outside and bound to none
  std::string template_name;  // the snapshot of the sandbox
  std::string key_id;         // from outside: this API key, or
  std::string token_id;       // this token
};

class Bridge {
 public:
  struct Deps {
    Books* books = nullptr;
    http::Client* client = nullptr;
    std::vector<Provider> providers;
    // Whether a sandbox may reach a URL, as it would itself; empty: every one. Asked for what a
    // request makes the provider fetch.
    std::function<bool(const SandboxId&, const http::Url&)> may_reach;
    Limits limits;
  };
  explicit Bridge(Deps deps);

  // Answers the exchange. `path` is the request's path with what leads to the gateway taken away:
  // "/openai/v1/responses"; the query is taken from the request. The caller is authenticated
  // already: by its namespace, or by its API key.
  Task<void> Serve(Caller caller, http::Exchange& exchange, std::string path);

  // Names, for start-up's log: never a key.
  std::vector<std::string> ProvidersWithKey() const;

 private:
  struct InFlight;  // what one Serve knows
  const Provider* FindProvider(std::string_view name) const;
  Task<void> ServeRoute(InFlight& call);
  // The first URL in the request that its sandbox may not reach.
  std::optional<std::string> ForbiddenUrl(const InFlight& call, const json::Object& request) const;
  Task<void> ServeRecorded(InFlight& call, std::string body);
  Task<Result<std::unique_ptr<http::ClientResponse>>> SendUpstream(InFlight& call,
                                                                   std::string body);
  Task<CallEnd> Relay(InFlight& call, http::ClientResponse& response);
  Task<void> Refuse(InFlight& call, int status, std::string code, std::string message);
  Task<void> Refuse(InFlight& call, ProviderError error);

  Deps deps_;
  size_t held_bytes_ = 0;
};

}  // namespace cove::bridge
