// Services: the wiring of the front. Every component is a member; each is given only what it needs,
// and the order of the members is the order in which they may rely on each other.
// Thread: loop-confined.
#pragma once

#include <optional>

#include "api/api.h"
#include "bridge/bridge.h"
#include "bridge/spans.h"
#include "control/links.h"
#include "front/credential_book.h"
#include "front/egress.h"
#include "front/journal_folder.h"
#include "front/options.h"
#include "gateway/gateway.h"

namespace cove::front {

using async::Task;

class Services {
 public:
  // Opens state and files; blocks, before the loop runs.
  static Result<std::unique_ptr<Services>> Make(Options options, Config config);
  Services(const Services&) = delete;

  // Everything up to the point where requests can be answered; gives the API's listener.
  Task<Result<UniqueFd>> Start();
  // Tells the runner that the API answers.
  void SendReady() { runner_.SendReady(); }
  // Answers one request.
  Task<void> Handle(http::Exchange& exchange);
  // Returns when the runner is gone.
  Task<void> WaitRunnerGone() { return runner_.WaitClosed(); }
  size_t requests() const { return requests_; }
  // Deletes what was made ahead.
  Task<void> ClosePool() { return sandboxes_->ClosePool(); }
  // The last of all: closes the doors of the sandboxes and writes what is only in memory.
  Task<void> End();

 private:
  Services(Options options, Config config);
  Task<Result<void>> SeedAdmin();
  Task<Result<void>> OpenSecrets();
  Result<void> WireGateway();
  Task<Result<void>> WireControl();
  void WireApi();
  control::Door MakeDoor();
  Task<void> FlushForEver();
  // The model gateway, for a sandbox and for an agent outside.
  // What policies say about a model call of the sandbox (empty: of one that is bound to none).
  Result<bridge::Guards> GuardsOf(const OrgId& org, const SandboxId& id);
  Task<void> ServeModel(SandboxId sandbox, http::Exchange& exchange);
  Task<void> ServeModelOutside(http::Exchange& exchange, bridge::Caller caller);
  Task<Result<void>> OpenBooks();
  // A budget that pauses is used up.
  Task<void> PauseSandbox(SandboxId id);

  const Options options_;
  const Config config_;
  const std::string dir_;  // DIR/front
  async::ThreadPool resolver_pool_{16};
  async::ThreadPool audit_pool_{1};
  async::ThreadPool file_pool_{1};
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<audit::Log> audit_;
  std::unique_ptr<control::Policies> policies_;
  std::unique_ptr<Egress> egress_;
  std::unique_ptr<identity::Keys> keys_;
  std::unique_ptr<identity::Previews> previews_;
  std::unique_ptr<identity::Secrets> secrets_;
  std::unique_ptr<CredentialBook> credentials_;
  std::unique_ptr<bridge::Spans> spans_;  // null: no collector
  JournalFolder journals_;
  std::unique_ptr<bridge::Books> books_;
  std::unique_ptr<bridge::Tokens> tokens_;
  std::unique_ptr<bridge::Bridge> bridge_;
  proto::RunnerClient runner_;
  std::optional<proto::Room> room_;
  control::RunnerLink runner_link_;
  control::ToolboxLink toolbox_link_;
  std::unique_ptr<gateway::Authority> authority_;
  std::unique_ptr<gateway::Gateway> gateway_;
  std::unique_ptr<control::Sandboxes> sandboxes_;
  std::unique_ptr<api::Api> api_;
  size_t requests_ = 0;
  async::TaskGroup tasks_;  // last: its tasks use all the others
};

}  // namespace cove::front
