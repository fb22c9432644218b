// Api: everything that arrives at Cove's one HTTP port, apart from what the bridge answers.
//
// Concept: by its Host a request is a preview or ours; ours are found in a table of routes under
// /api (control plane), /toolbox/{id} (inside a sandbox), /ai (models for agents outside) and
// /health, and /metrics. A handler is a free function of a Call (call.h) that answers or returns an
// error; the error becomes Daytona's error body in one place (errors.h). Handlers of one resource
// share a file and add their routes in one Add…Routes function.
//
// Wire contract: the OpenAPI files of Daytona's published clients, SDK 0.216.
// Thread: loop-confined. Deps outlive the Api, and the Api outlives the tasks of Handle().
#pragma once

#include <functional>

#include "api/policy_book.h"
#include "async/offload.h"
#include "audit/log.h"
#include "bridge/bridge.h"
#include "bridge/tokens.h"
#include "control/sandboxes.h"
#include "http/server.h"
#include "identity/keys.h"
#include "identity/previews.h"
#include "identity/secrets.h"
#include "json/json.h"

namespace cove::api {

using async::Task;

struct Settings {
  std::string public_url;  // "https://cove.example.com"; empty: as the client's Host header says
  std::string version = COVE_VERSION;
};

struct Deps {
  control::Sandboxes* sandboxes = nullptr;
  identity::Keys* keys = nullptr;
  identity::Previews* previews = nullptr;
  identity::Secrets* secrets = nullptr;
  async::ThreadPool* resolver_pool = nullptr;
  PolicyBook* policies = nullptr;
  // Has the sandbox a secret for requests to there? Empty: none has.
  std::function<bool(const control::Sandbox&, std::string_view host, uint16_t port)> has_secret;
  // Answers /ai/…: the model gateway for a caller outside, who may be barred. Empty: 501.
  std::function<Task<void>(http::Exchange&, bridge::Caller)> models;
  bridge::Books* books = nullptr;    // null: no routes of model calls, budgets and metrics
  bridge::Tokens* tokens = nullptr;  // null: none
  audit::Log* audit = nullptr;
  async::ThreadPool* file_pool = nullptr;  // for reading files of the audit
};

class Api {
 public:
  Api(Deps deps, Settings settings);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  // Answers one request, whatever it is.
  Task<void> Handle(http::Exchange& exchange);

  // Why a caller that /ai let in may call no longer, at this moment; nothing: it may.
  std::optional<bridge::ProviderError> WhyEnded(const bridge::Caller& caller) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cove::api
