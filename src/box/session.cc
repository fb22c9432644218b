#include "box/session.h"

#include <csignal>

#include "agents/codex_config.h"
#include "async/task_group.h"
#include "base/text.h"
#include "box/answers.h"
#include "box/hook.h"
#include "box/inside.h"
#include "box/say.h"
#include "box/server_api.h"
#include "box/sweep.h"
#include "box/traces.h"

namespace cove::box {
namespace {

std::string ShareArg(const char* access, const std::string& source, const std::string& target) {
  const auto quoted = [](const std::string& path) {
    std::string out;
    for (const char c : path) {
      if (c == ':') {
        out += "%3A";
      } else if (c == '%') {
        out += "%25";
      } else {
        out += c;
      }
    }
    return out;
  };
  return std::string("--share=") + access + ":" + quoted(source) + ":" + quoted(target);
}

// What the box sees of the host, in the order of mounting: later ones lie on earlier ones.
class ShareList {
 public:
  ShareList(const Prepared& prepared, const RunDir& run) : p_(prepared), run_(run) {}

  Result<std::vector<std::string>> Make() {
    Add("rw", p_.places.project.path(), InsidePath(p_.places.project.path()));
    if (p_.guard_git) AddGuarded();
    Add("rw", p_.homes.environment.path(), kCodexHome);
    Add("rw", p_.homes.sessions.path(), std::string(kCodexHome) + "/sessions");
    for (const std::string& path : p_.places.read_only) Add("ro", path, InsidePath(path));
    std::string list;
    for (const std::string& name : p_.domains.names) list += name + "\n";
    RETURN_IF_ERROR(AddFile("allowed_domains.txt", list, {"/etc/codex/allowed_domains.txt"}, 0644));
    agents::BoxCodexConfig config;
    using Models = agents::BoxCodexConfig::Models;
    using WebSearch = agents::BoxCodexConfig::WebSearch;
    if (p_.own_login) config.models = Models::kOwnLogin;
    if (p_.web_search) config.web_search = WebSearch::kLive;
    RETURN_IF_ERROR(AddFile("config.toml", agents::CodexConfigForBox(config),
                            {"/etc/codex/config.toml"}, 0644));
    if (p_.credentials) RETURN_IF_ERROR(AddAuth());
    if (p_.hook) {
      const std::string path = p_.homes.environment.path() + "/" + kHookName;
      RETURN_IF_ERROR(AddFile(kHookName, *p_.hook, Seen(path), 0755));
    }
    for (size_t i = 0; i < p_.approved.size(); ++i) {
      const ApprovedFile& file = p_.approved[i];
      RETURN_IF_ERROR(AddFile("approved-" + std::to_string(i), file.text, Seen(file.path), 0644));
    }
    return std::move(args_);
  }

 private:
  // Their directory is a mount too, so that it cannot be moved away for another one.
  void AddGuarded() {
    const std::string& project = p_.places.project.path();
    for (const Guarded& one : GuardedOf(p_.places.project)) {
      const std::string parent = project + "/" + one.parent;
      Add("rw", parent, InsidePath(parent));
      for (const std::string& name : one.names) {
        Add("ro", parent + "/" + name, InsidePath(parent + "/" + name));
      }
    }
  }
  void Add(const char* access, const std::string& source, const std::string& target) {
    args_.push_back(ShareArg(access, source, target));
  }
  Result<void> AddFile(const std::string& name, std::string_view text,
                       const std::vector<std::string>& targets, mode_t mode) {
    ASSIGN_OR_RETURN(const std::string path, run_.Write("share/" + name, text, mode));
    for (const std::string& target : targets) Add("ro", path, target);
    return Ok();
  }
  // A file of the environment is seen twice where that lies in the project.
  std::vector<std::string> Seen(const std::string& path) const {
    return SeenAs(path, p_.places, p_.homes);
  }
  Result<void> AddAuth() {
    // The kernel wants something to mount on.
    if (!p_.homes.environment.Stat("auth.json")) {
      RETURN_IF_ERROR(p_.homes.environment.Write("auth.json", "", 0600));
    }
    const std::string shown = p_.homes.environment.path() + "/auth.json";
    std::vector<std::string> targets = Seen(shown);
    if (p_.auth_path != shown) {
      for (std::string& target : Seen(p_.auth_path)) targets.push_back(std::move(target));
    }
    return AddFile("auth.json", p_.credentials->inside, targets, 0600);
  }

  const Prepared& p_;
  const RunDir& run_;
  std::vector<std::string> args_;
};

// Runs the task until it is done or a signal comes; nothing then.
template <class T>
Task<void> Store(Task<T> task, std::optional<T>* out, async::Event* changed) {
  out->emplace(co_await std::move(task));
  changed->Set();
}
Task<void> AwaitSignal(async::Signals* signals, async::Event* changed) {
  for (;;) {
    if (co_await signals->Next() != SIGWINCH) break;
  }
  changed->Set();
}
template <class T>
Task<std::optional<T>> UntilSignal(Task<T> task, async::Signals& signals) {
  std::optional<T> out;
  async::Event changed;
  {
    async::TaskGroup group;
    group.Spawn(Store(std::move(task), &out, &changed));
    group.Spawn(AwaitSignal(&signals, &changed));
    co_await changed.Wait();
  }
  co_return out;
}

// "codex_" and the path as a word; names need not be unique, for every box has its own server.
std::string SandboxName(const std::string& path) {
  constexpr size_t kLength = 100;
  std::string out = "codex_";
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_';
    if (c == '/') out += '_';
    if (plain) out += c;
  }
  return out.substr(0, kLength);
}

Task<Result<std::string>> CreateSandbox(agents::ApiClient& api, std::string name,
                                        std::string snapshot) {
  agents::ApiRequest create;
  create.method = "POST";
  create.path = "/api/sandbox";
  create.body = json::Value(json::Object{{"name", std::move(name)},
                                         {"snapshot", std::move(snapshot)},
                                         {"user", "codex"},
                                         {"env", json::Object{}},
                                         {"labels", json::Object{{"cove.purpose", "box"}}},
                                         {"autoStopInterval", 0}});
  auto box = co_await api.CallForObject(std::move(create));
  if (!box) co_return std::move(box).error().Wrap("creating the sandbox");
  co_return json::GetString(*box, "id").value_or("");
}

struct Live {
  const Prepared& prepared;
  const RunDir& run;
  const PrivateServer& server;
  std::string snapshot;
};

// What the gateway saw of the self-test, for whoever has to find out why it failed.
Task<void> TellOfGateway(const Live* live) {
  ServerApi api(live->server);
  agents::ApiRequest request;
  request.path = "/api/audit?limit=4";
  const auto page = co_await api.client().CallForObject(std::move(request));
  const json::Array* rows = page ? json::GetArray(*page, "items") : nullptr;
  if (rows == nullptr) co_return;
  for (const json::Value& value : *rows) {
    if (!value.is_object()) continue;
    std::string line = "gateway:";
    for (const char* key : {"channel", "host", "reason", "detail", "secrets"}) {
      const auto text = json::GetString(value.as_object(), key);
      if (text && !text->empty()) line += " " + *text;
    }
    Say(line);
  }
}

Task<Result<std::string>> Open(const Live* live) {
  ServerApi api(live->server);
  const std::string name = SandboxName(live->prepared.places.project.path());
  CO_ASSIGN_OR_RETURN(std::string id, co_await CreateSandbox(api.client(), name, live->snapshot));
  CO_RETURN_IF_ERROR(live->run.Write("env",
                                     "export COVE_URL=" + live->server.url() +
                                         "\nexport COVE_API_KEY=" + live->server.key() +
                                         "\nexport COVE_BOX=" + name + "\n",
                                     0600));
  if (live->prepared.reach.firewall == Firewall::kAcl) {
    CO_RETURN_IF_ERROR(co_await CheckAnswers(api.client(), id, live->prepared.domains.names));
  }
  co_return std::move(id);
}

Task<Result<int>> Use(Live live, const World& world, async::Signals& signals) {
  auto opened = co_await UntilSignal(Open(&live), signals);
  if (!opened) co_return kInterrupted;
  if (!*opened) co_return std::move(*opened).error();
  Inside inside(live.prepared, world, live.run.data() + "/run/box-" + **opened + ".sock");
  auto tested = co_await UntilSignal(inside.Check(), signals);
  if (!tested) co_return kInterrupted;
  if (!*tested) {
    co_await TellOfGateway(&live);
    co_return std::move(*tested).error();
  }
  if (live.prepared.hook) {
    CO_ASSIGN_OR_RETURN(const int code, co_await inside.RunHook(signals));
    if (code != 0) {
      Say("init script failed with exit code " + std::to_string(code) + "; Codex is not started");
      co_return code;
    }
  }
  co_return co_await inside.RunCodex(signals);
}

Task<Result<PrivateServer>> StartServer(const Prepared* prepared, const RunDir* run,
                                        const BoxImage* image) {
  ServerConfig config;
  config.reach = prepared->reach;
  ServerOptions options;
  if (prepared->credentials) {
    config.account = prepared->credentials->account;
    options.env.emplace_back("OPENAI_API_KEY", prepared->credentials->secret);
  }
  if (!HasProvider(prepared->operators, "anthropic")) options.env.emplace_back(kAnthropicKey, "");
  CO_ASSIGN_OR_RETURN(const std::string text, WriteServerConfig(prepared->operators, config));
  CO_ASSIGN_OR_RETURN(options.config, run->Write("cove.toml", text, 0600));
  if (!prepared->resolvers.empty()) {
    CO_ASSIGN_OR_RETURN(options.resolv_conf, run->Write("resolv.conf", prepared->resolvers, 0644));
  }
  options.data = run->data();
  options.log = run->log();
  options.kept = {run->lock(), image->lock.get()};
  ShareList shares(*prepared, *run);
  CO_ASSIGN_OR_RETURN(options.args, shares.Make());
  options.args.insert(options.args.end(), {"--images", image->data + "/runner/images"});
  co_return co_await PrivateServer::Start(std::move(options));
}

Task<Result<int>> Run(const Prepared& prepared, const World& world, const RunDir& run,
                      const BoxImage& image, async::Signals& signals) {
  auto started = co_await UntilSignal(StartServer(&prepared, &run, &image), signals);
  if (!started) co_return kInterrupted;
  if (!*started) co_return std::move(*started).error();
  PrivateServer server = std::move(**started);
  auto code = co_await Use(Live{prepared, run, server, image.snapshot}, world, signals);
  auto stopped = co_await server.Stop();
  if (code && !stopped) co_return std::move(stopped).error();
  co_return code;
}

Task<Result<BoxImage>> Provide(const Prepared* prepared) {
  co_await Sweep(&prepared->base);
  co_return co_await EnsureImage(prepared->image, prepared->base.path, &Say);
}

}  // namespace

Task<Result<int>> RunSession(const Prepared& prepared, const World& world,
                             async::Signals& signals) {
  auto image = co_await UntilSignal(Provide(&prepared), signals);
  if (!image) co_return kInterrupted;
  if (!*image) co_return std::move(*image).error();
  CO_ASSIGN_OR_RETURN(RunDir run, RunDir::Make(prepared.base));
  const Traces before = Traces::Of(prepared.places.project);
  auto code = co_await Run(prepared, world, run, **image, signals);
  run.Remove();
  WarnOf(Traces::Of(prepared.places.project).Since(before));
  co_return code;
}

}  // namespace cove::box
