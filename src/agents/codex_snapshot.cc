#include "agents/codex_snapshot.h"

#include "agents/codex_config.h"
#include "agents/codex_version.h"
#include "async/timer.h"
#include "base/text.h"

namespace cove::agents {

namespace {

constexpr Duration kSnapshotFor = seconds(600);

// The state of the snapshot, or nothing when there is none of that name.
Task<Result<std::optional<std::string>>> SnapshotState(ApiClient& api, std::string name) {
  ApiRequest request;
  request.path = "/api/snapshots/" + PercentEncode(name);
  auto found = co_await api.CallForObject(std::move(request));
  if (!found && found.error().code() == Code::kNotFound) {
    co_return std::optional<std::string>();
  }
  if (!found) co_return std::move(found).error();
  co_return std::optional<std::string>(json::GetString(*found, "state").value_or("active"));
}

Task<Result<void>> WaitActive(ApiClient& api, std::string name) {
  const TimePoint give_up = Now() + kSnapshotFor;
  for (;;) {
    auto state = co_await SnapshotState(api, name);
    if (!state) co_return std::move(state).error();
    const std::string now = state->value_or("");
    if (now == "active") co_return Ok();
    if (now == "error" || now == "build_failed") {
      co_return Error(Code::kInternal,
                      "the snapshot " + name + " is in state " + now + "; delete it and try again");
    }
    if (Now() > give_up) {
      co_return Error(Code::kTimeout, "the snapshot " + name + " did not become active");
    }
    co_await async::Sleep(milliseconds(50));
  }
}

Task<Result<void>> TakeSnapshot(ApiClient& api, std::string id, std::string name) {
  ApiRequest request;
  request.method = "POST";
  request.path = "/api/sandbox/" + PercentEncode(id) + "/snapshot";
  request.body = json::Value(json::Object{{"name", name}});
  request.timeout = kSnapshotFor;
  auto taken = co_await api.Call(std::move(request));
  // Somebody else made it meanwhile, from the same recipe.
  if (!taken && taken.error().code() != Code::kConflict) co_return std::move(taken).error();
  co_return co_await WaitActive(api, name);
}

}  // namespace

Task<Result<void>> DeleteSandbox(ApiClient& api, std::string id_or_name) {
  ApiRequest request;
  request.method = "DELETE";
  request.path = "/api/sandbox/" + PercentEncode(id_or_name);
  auto done = co_await api.Call(std::move(request));
  if (!done && done.error().code() != Code::kNotFound) co_return std::move(done).error();
  co_return Ok();
}

Task<Result<std::string>> EnsureCodexSnapshot(ApiClient& api, OnLine on_progress,
                                              std::string* builder) {
  const std::string name = CodexSnapshotName();
  auto state = co_await SnapshotState(api, name);
  if (!state) co_return std::move(state).error();
  if (*state == "active") co_return name;

  on_progress("Preparing a sandbox with Codex " + std::string(kCodexVersion) +
              " (once; later sessions start from its snapshot)");
  ApiRequest create;
  create.method = "POST";
  create.path = "/api/sandbox";
  create.body = json::Value(json::Object{
      {"name", "codex-builder-" + RandomHex(4)},
      {"env", json::Object{}},
      {"labels", json::Object{{"cove.purpose", "codex-builder"}}},
      // If this program dies, the server still removes it.
      {"autoStopInterval", 30},
      {"autoDeleteInterval", 30},
  });
  create.timeout = seconds(900);  // a first one captures the host
  auto box = co_await api.CallForObject(std::move(create));
  if (!box) co_return std::move(box).error().Wrap("creating the sandbox to install Codex in");
  const std::string id = json::GetString(*box, "id").value_or("");
  *builder = id;

  on_progress("Installing Codex " + std::string(kCodexVersion));
  auto installed = co_await RunStep(api, id, "installing Codex", CodexInstallScript(), on_progress);
  if (installed) {
    on_progress("Saving the snapshot " + name);
    installed = co_await TakeSnapshot(api, id, name);
  }
  auto deleted = co_await DeleteSandbox(api, id);
  builder->clear();
  if (!installed) co_return std::move(installed).error();
  if (!deleted) co_return std::move(deleted).error().Wrap("deleting the builder sandbox " + id);
  co_return name;
}

}  // namespace cove::agents
