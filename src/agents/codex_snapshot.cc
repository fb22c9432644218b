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

Task<Result<void>> EnsureSnapshot(ApiClient& api, SnapshotRecipe recipe, OnLine on_progress,
                                  std::string* builder) {
  auto state = co_await SnapshotState(api, recipe.name);
  if (!state) co_return std::move(state).error();
  if (*state == "active") co_return Ok();

  on_progress("Preparing a sandbox with " + recipe.what +
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
  if (!box) {
    co_return std::move(box).error().Wrap("creating the sandbox to install " + recipe.what + " in");
  }
  const std::string id = json::GetString(*box, "id").value_or("");
  *builder = id;

  on_progress("Installing " + recipe.what);
  auto done = co_await RunStep(api, id, "installing " + recipe.what, recipe.script, on_progress);
  if (done) {
    on_progress("Saving the snapshot " + recipe.name);
    done = co_await TakeSnapshot(api, id, recipe.name);
  }
  auto deleted = co_await DeleteSandbox(api, id);
  builder->clear();
  if (!done) co_return std::move(done).error();
  if (!deleted) co_return std::move(deleted).error().Wrap("deleting the builder sandbox " + id);
  co_return Ok();
}

Task<Result<std::string>> EnsureCodexSnapshot(ApiClient& api, OnLine on_progress,
                                              std::string* builder) {
  SnapshotRecipe recipe;
  recipe.name = CodexSnapshotName();
  recipe.what = "Codex " + std::string(kCodexVersion);
  recipe.script = CodexInstallScript();
  const std::string name = recipe.name;
  auto done = co_await EnsureSnapshot(api, std::move(recipe), std::move(on_progress), builder);
  if (!done) co_return std::move(done).error();
  co_return name;
}

}  // namespace cove::agents
