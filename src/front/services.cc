#include "front/services.h"

#include <fmt/format.h>

#include "control/gib.h"
#include "front/model_guards.h"
#include "log/log.h"

namespace cove::front {
namespace {

constexpr int kRunnerFd = 3;
constexpr seconds kHelloDeadline{10};
constexpr seconds kFlushPeriod{30};
constexpr seconds kSpansFlush{2};
constexpr seconds kCallsFlush{2};

store::Migrations AllMigrations() {
  store::Migrations all;
  for (const store::Migrations* room : {&identity::kMigrations, &control::kMigrations,
                                        &control::kPolicyMigrations, &bridge::kMigrations}) {
    all.insert(all.end(), room->begin(), room->end());
  }
  return all;
}

std::string TakeEnv(const char* name) {
  const char* value = ::getenv(name);
  std::string out = value == nullptr ? "" : value;
  ::unsetenv(name);
  return out;
}

}  // namespace

Services::Services(Options options, Config config)
    : options_(std::move(options)),
      config_(std::move(config)),
      dir_(options_.data + "/front"),
      runner_(UniqueFd(kRunnerFd)),
      runner_link_(runner_) {}

Result<std::unique_ptr<Services>> Services::Make(Options options, Config config) {
  if (const char* url = ::getenv("COVE_STORE"); url != nullptr && *url != '\0') {
    return Error(Code::kInvalid,
                 "--store: only the built-in database is supported; leave the option out");
  }
  std::unique_ptr<Services> s(new Services(std::move(options), std::move(config)));
  ASSIGN_OR_RETURN(s->store_, store::OpenSqlite(s->dir_ + "/cove.db", AllMigrations()));
  audit::LogLimits audit_limits;
  audit_limits.disk_bytes_max = control::BytesOf(s->config_.audit_gib);
  ASSIGN_OR_RETURN(s->audit_, audit::Log::Open(s->dir_ + "/audit", s->audit_pool_, audit_limits));
  ASSIGN_OR_RETURN(s->egress_, Egress::Make(s->config_));
  ASSIGN_OR_RETURN(s->authority_, gateway::Authority::Open(s->dir_));
  s->runner_link_.set_trust(s->authority_->root_pem());
  bridge::Books::Deps book_deps;
  book_deps.store = s->store_.get();
  // They are for the front after this one; without them each call's row is written at once.
  if (!s->options_.ephemeral) {
    auto made = s->journals_.Open(s->dir_);
    if (!made) log::Warn("models.no_journal", {{"error", made.error().message()}});
  }
  book_deps.folder = s->journals_.path();
  book_deps.pause = [services = s.get()](const SandboxId& id) {
    services->tasks_.Spawn(services->PauseSandbox(id));
  };
  ASSIGN_OR_RETURN(auto providers, bridge::LoadProviders(s->config_.providers));
  if (!s->config_.collector.empty()) {
    ASSIGN_OR_RETURN(http::Url collector, bridge::CollectorUrl(s->config_.collector));
    s->spans_ = std::make_unique<bridge::Spans>(s->resolver_pool_, std::move(collector), providers);
    book_deps.on_ended = [spans = s->spans_.get()](const bridge::Ended& call) { spans->Add(call); };
  }
  bridge::BooksSettings book_settings = s->config_.books;
  ASSIGN_OR_RETURN(book_settings.prices, LoadPrices(s->config_));
  s->books_ = std::make_unique<bridge::Books>(std::move(book_deps), std::move(book_settings));
  bridge::Bridge::Deps deps;
  deps.books = s->books_.get();
  deps.resolver_pool = &s->resolver_pool_;
  deps.providers = std::move(providers);
  ASSIGN_OR_RETURN(deps.tape, bridge::Tape::Open(s->config_.tape, s->resolver_pool_));
  deps.guard = bridge::Guard(s->config_.guard);
  deps.guards = [services = s.get()](const OrgId& org, const SandboxId& id) {
    return services->GuardsOf(org, id);
  };
  deps.may_reach = [egress = s->egress_.get()](const SandboxId& id, const http::Url& url) {
    return egress->MayFetch(id, url);
  };
  deps.ended = [services = s.get()](const bridge::Caller& caller) {
    // Sandboxes that run call models before the API answers.
    return services->api_ ? services->api_->WhyEnded(caller) : std::nullopt;
  };
  deps.used = [services = s.get()](const SandboxId& id) {
    if (!id.value.empty()) services->sandboxes_->Touch(id, control::Activity::kModel);
  };
  deps.wire = s->config_.wire;
  s->bridge_ = std::make_unique<bridge::Bridge>(std::move(deps));
  RETURN_IF_ERROR(s->WireGateway());
  return s;
}

// The order matters: sandboxes that run are served by the door before the API answers.
Task<Result<UniqueFd>> Services::Start() {
  CO_ASSIGN_OR_RETURN(auto welcome, co_await runner_.WaitHello(Now() + kHelloDeadline));
  CO_ASSIGN_OR_RETURN(keys_, co_await identity::Keys::Open(*store_));
  CO_ASSIGN_OR_RETURN(previews_, co_await identity::Previews::Open(*store_));
  CO_RETURN_IF_ERROR(co_await SeedAdmin());
  CO_ASSIGN_OR_RETURN(policies_, co_await control::Policies::Open(*store_));
  egress_->UsePolicies(*policies_, [this](const SandboxId& id) { gateway_->PolicyChanged(id); });
  CO_RETURN_IF_ERROR(co_await OpenSecrets());
  CO_RETURN_IF_ERROR(co_await OpenBooks());
  CO_RETURN_IF_ERROR(co_await WireControl());
  WireApi();
  tasks_.Spawn(FlushForEver());
  tasks_.Spawn(books_->KeepTidy());
  if (spans_) tasks_.Spawn(spans_->Run());
  for (const std::string& name : bridge_->ProvidersWithKey()) {
    log::Info("models.provider_ready", {{"provider", name}});
  }
  co_return std::move(welcome.api_listener);
}

Task<Result<void>> Services::SeedAdmin() {
  const std::string file = dir_ + "/admin.key";
  CO_ASSIGN_OR_RETURN(const identity::AdminSeed seed,
                      co_await keys_->SeedAdmin(TakeEnv("COVE_ADMIN_KEY"), file));
  if (seed.generated) log::Info("admin_key.made", {{"file", file}});
  co_return Ok();
}

Task<Result<void>> Services::OpenSecrets() {
  CO_ASSIGN_OR_RETURN(secrets_, co_await identity::Secrets::Open(*store_, dir_ + "/secrets.key"));
  credentials_ = std::make_unique<CredentialBook>(*secrets_);
  secrets_->set_check(&CredentialBook::Check);
  secrets_->set_on_changed([this](const OrgId& org) { credentials_->Refresh(org); });
  co_return Ok();
}

Task<Result<void>> Services::OpenBooks() {
  CO_ASSIGN_OR_RETURN(const int64_t settled, co_await books_->Open());
  if (settled > 0) log::Info("models.calls_settled", {{"calls", settled}});
  CO_ASSIGN_OR_RETURN(tokens_, co_await bridge::Tokens::Open(*store_, books_->budgets()));
  co_return Ok();
}

Task<void> Services::PauseSandbox(SandboxId id) {
  auto paused = co_await sandboxes_->Pause(id);
  if (!paused) {
    log::Warn("budget.not_paused", {{"sandbox", id.value}, {"error", paused.error().message()}});
  }
}

Result<void> Services::WireGateway() {
  gateway::Deps deps;
  deps.policy = [this](const SandboxId& id) { return egress_->PolicyOf(id); };
  deps.audit = audit_.get();
  deps.resolver_pool = &resolver_pool_;
  deps.model = [this](SandboxId id, http::Exchange& exchange) {
    return ServeModel(std::move(id), exchange);
  };
  deps.authority = authority_.get();
  deps.credentials = [this](const SandboxId& id) {
    return credentials_ == nullptr ? nullptr : credentials_->Of(id);
  };
  ASSIGN_OR_RETURN(deps.upstream_tls, net::TlsContext::MakeClient());
  deps.on_broken = [this](const SandboxId& id) {
    if (sandboxes_) sandboxes_->OnDoorBroken(id);
  };
  gateway_ = std::make_unique<gateway::Gateway>(std::move(deps));
  return Ok();
}

control::Door Services::MakeDoor() {
  control::Door door;
  door.check = [this](const control::Network& network) { return egress_->Check(network); };
  door.attach = [this](const control::Sandbox& sandbox, proto::RunningBox box) {
    egress_->Set(sandbox);
    credentials_->Set(sandbox);
    std::vector<UniqueFd> sockets;
    sockets.push_back(std::move(box.sockets.tcp4));
    sockets.push_back(std::move(box.sockets.tcp6));
    sockets.push_back(std::move(box.sockets.dns_udp));
    sockets.push_back(std::move(box.sockets.dns_tcp));
    return gateway_->Attach(sandbox.id, sandbox.created_by, std::move(sockets), box.info.tcp_port);
  };
  door.detach = [this](const SandboxId& id) {
    gateway_->Detach(id);
    egress_->Forget(id);
    credentials_->Forget(id);
  };
  door.update = [this](const control::Sandbox& sandbox) {
    egress_->Set(sandbox);
    credentials_->Set(sandbox);
    gateway_->PolicyChanged(sandbox.id);
  };
  return door;
}

Task<Result<void>> Services::WireControl() {
  control::Deps deps;
  deps.store = store_.get();
  deps.runner = &runner_link_;
  deps.toolbox = &toolbox_link_;
  deps.previews = previews_.get();
  deps.door = MakeDoor();
  deps.placeholder = [this](const OrgId& org,
                            const std::string& name) -> std::optional<std::string> {
    const auto found = secrets_->FindByName(org, name);
    if (!found) return std::nullopt;
    return CredentialBook::Variable(*found);
  };
  deps.machine = [this] {
    control::MachineFacts facts = control::ReadMachineFacts(dir_);
    facts.room = room_;
    if (facts.room) facts.disk_bytes = facts.room->disk_bytes;
    return facts;
  };
  runner_.set_on_room([this](const proto::Room& room) { room_ = room; });
  deps.on_oom = [this](const control::Sandbox& sandbox, uint64_t kills) {
    audit::Record record;
    record.kind = audit::Kind::kOom;
    record.sandbox = sandbox.id;
    record.kills = kills;
    record.detail = fmt::format("limit {:g} GiB", sandbox.resources.memory_gib);
    audit_->AppendLater(std::move(record));
  };
  deps.on_down = [this](const control::Sandbox& sandbox, const std::string& why) {
    audit::Record record;
    record.kind = audit::Kind::kDown;
    record.sandbox = sandbox.id;
    record.detail = why;
    audit_->AppendLater(std::move(record));
  };
  CO_ASSIGN_OR_RETURN(sandboxes_, co_await control::Sandboxes::Open(deps, config_.control));
  runner_.set_on_exited(
      [this](const proto::runner::BoxExited& event) { sandboxes_->OnBoxExited(event); });
  runner_.set_on_oom([this](const proto::runner::BoxOom& event) { sandboxes_->OnBoxOom(event); });
  CO_ASSIGN_OR_RETURN(const control::RecoverReport report, co_await sandboxes_->Recover());
  log::Info("front.recovered", {{"adopted", report.adopted},
                                {"stopped", report.stopped},
                                {"finished", report.finished},
                                {"removed", report.removed}});
  sandboxes_->Run();
  co_return Ok();
}

void Services::WireApi() {
  api::Deps deps;
  deps.sandboxes = sandboxes_.get();
  deps.keys = keys_.get();
  deps.previews = previews_.get();
  deps.secrets = secrets_.get();
  deps.resolver_pool = &resolver_pool_;
  deps.policies = egress_.get();
  deps.has_secret = [this](const control::Sandbox& sandbox, std::string_view host, uint16_t port) {
    return credentials_->HasFor(sandbox, host, port);
  };
  deps.books = books_.get();
  deps.tokens = tokens_.get();
  deps.models = [this](http::Exchange& exchange, bridge::Caller caller) {
    return ServeModelOutside(exchange, std::move(caller));
  };
  deps.audit = audit_.get();
  deps.file_pool = &file_pool_;
  api::Settings settings;
  settings.public_url = config_.public_url;
  api_ = std::make_unique<api::Api>(std::move(deps), std::move(settings));
}

Task<void> Services::Handle(http::Exchange& exchange) {
  struct Count {
    size_t& n;
    explicit Count(size_t& count) : n(count) { ++n; }
    ~Count() { --n; }
  } const count(requests_);
  co_await api_->Handle(exchange);
}

Result<bridge::Guards> Services::GuardsOf(const OrgId& org, const SandboxId& id) {
  if (const auto held = egress_->GuardsOf(id)) return *held;
  // From outside: for a sandbox that may be stopped, or for none.
  if (id.empty()) return egress_->GuardsOfOrg(org);
  const auto known = sandboxes_->Find(id);
  if (!known) return Error(Code::kNotFound, "The sandbox of this token is gone.");
  ASSIGN_OR_RETURN(const auto policy, egress_->PolicyFor(*known));
  return ReadModelGuards(*policy);
}

Task<void> Services::ServeModel(SandboxId sandbox, http::Exchange& exchange) {
  const auto known = sandboxes_->Find(sandbox);
  // Detached a moment ago: no answer is right, and the connection is about to be reset.
  if (!known) co_return;
  sandboxes_->Touch(sandbox, control::Activity::kModel);
  bridge::Caller caller;
  caller.org = known->org;
  caller.user = known->created_by;
  caller.sandbox = sandbox;
  caller.template_name = known->snapshot;
  std::string path(exchange.request().RawPath());
  co_await bridge_->Serve(std::move(caller), exchange, std::move(path));
}

Task<void> Services::ServeModelOutside(http::Exchange& exchange, bridge::Caller caller) {
  constexpr std::string_view kPrefix = "/ai";
  std::string path(exchange.request().RawPath().substr(kPrefix.size()));
  co_await bridge_->Serve(std::move(caller), exchange, std::move(path));
}

Task<void> Services::FlushForEver() {
  for (;;) {
    co_await async::Sleep(kFlushPeriod);
    if (auto flushed = co_await keys_->FlushUse(); !flushed.ok()) {
      log::Warn("keys.use_not_saved", {{"error", flushed.error().message()}});
    }
    if (auto dropped = co_await tokens_->DropExpired(); !dropped.ok()) {
      log::Warn("tokens.not_dropped", {{"error", dropped.error().message()}});
    }
  }
}

Task<void> Services::End() {
  gateway_->DetachAll();  // a call that began after the books are closed would be in no book
  if (sandboxes_) (void)co_await sandboxes_->Flush();
  if (bridge_) co_await bridge_->Flush(Now() + kCallsFlush);
  if (books_) co_await books_->Flush();
  if (keys_) (void)co_await keys_->FlushUse();
  if (spans_) co_await spans_->Flush(Now() + kSpansFlush);
  co_await audit_->Flush();
}

}  // namespace cove::front
