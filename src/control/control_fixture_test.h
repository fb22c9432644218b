// A control over a real store and a fake world, with a clock that the test moves, that can be
// killed and opened again.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/testing.h"
#include "control/fake_world_test.h"
#include "identity/keys.h"
#include "identity/previews.h"

namespace cove::control {

class ControlTest : public ::testing::Test {
 protected:
  ControlTest() {
    store::Migrations migrations = identity::kMigrations;
    migrations.insert(migrations.end(), kMigrations.begin(), kMigrations.end());
    store_ = *store::OpenSqlite(folder_ / "cove.db", migrations);
    previews_ = *loop_.RunUntil(identity::Previews::Open(*store_));
    facts_.cpus = 8;
    facts_.memory_bytes = facts_.memory_available_bytes = 16ull << 30;
    facts_.disk_bytes = 100ull << 30;
    settings_.check_period = milliseconds(1);
    Open();
  }
  ~ControlTest() override {
    control_.reset();
    previews_.reset();
    store_.reset();
  }

  void Open() {
    Deps deps;
    deps.store = store_.get();
    deps.runner = &world_;
    deps.toolbox = &world_;
    deps.previews = previews_.get();
    deps.door = world_.MakeDoor();
    deps.placeholder = placeholder_;
    deps.machine = [this] { return facts_; };
    deps.on_oom = [this](const Sandbox& s, uint64_t kills) { ooms_.emplace_back(s.id, kills); };
    deps.on_down = [this](const Sandbox& s, const std::string& why) {
      downs_.emplace_back(s.id, why);
    };
    deps.wall = [this] { return WallTime{wall_us_ += 10}; };
    auto opened = loop_.RunUntil(Sandboxes::Open(deps, settings_));
    ASSERT_TRUE(opened.ok()) << opened.error().message();
    control_ = std::move(*opened);
  }
  // Kills the front and starts another one.
  RecoverReport Restart() {
    control_.reset();
    world_.FrontDied();
    world_.halting.clear();
    world_.failing.clear();
    Open();
    auto report = loop_.RunUntil(control_->Recover());
    EXPECT_TRUE(report.ok());
    Settle();
    return report.ok() ? *report : RecoverReport{};
  }
  // Lets everything that can go on go on: until the world has heard nothing new while the store
  // has answered several times (a slow disk only makes it longer).
  void Settle() { loop_.RunUntil(WaitQuiet(store_.get(), &world_)); }
  static Task<void> WaitQuiet(store::Store* store, const FakeWorld* world) {
    size_t heard = world->log.size();
    for (int quiet = 0, rounds = 0; quiet < 6 && rounds < 500; ++rounds) {
      (void)co_await store->Flush();
      co_await async::Sleep(milliseconds(2));
      quiet = world->log.size() == heard ? quiet + 1 : 0;
      heard = world->log.size();
    }
  }
  // Starts an operation whose end the test does not wait for.
  template <class T>
  void StartAndLeave(Task<Result<T>> task) {
    async::TaskGroup group;
    group.Spawn([](Task<Result<T>> inner) -> Task<void> {
      (void)co_await std::move(inner);
    }(std::move(task)));
    Settle();
  }

  CreateRequest Request(std::string name = {}) {
    CreateRequest request;
    request.org = identity::kDefaultOrg;
    request.name = std::move(name);
    return request;
  }
  Result<Sandbox> Create(CreateRequest request) {
    return loop_.RunUntil(control_->Create(std::move(request)));
  }
  Sandbox MustCreate(std::string name = {}) {
    auto made = Create(Request(std::move(name)));
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message());
    return made.ok() ? *made : Sandbox{};
  }
  void PassMinutes(int minutes) { wall_us_ += int64_t{minutes} * 60'000'000; }
  State StateOf(const SandboxId& id) {
    auto found = control_->Find(id);
    return found ? found->state : State::kDestroyed;
  }

  async::Loop loop_;
  TempDir folder_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<identity::Previews> previews_;
  FakeWorld world_;
  std::function<std::optional<std::string>(const OrgId&, const std::string&)> placeholder_;
  MachineFacts facts_;
  std::vector<std::pair<SandboxId, uint64_t>> ooms_;
  std::vector<std::pair<SandboxId, std::string>> downs_;
  Settings settings_;
  int64_t wall_us_ = 1'800'000'000'000'000;
  std::unique_ptr<Sandboxes> control_;
};

}  // namespace cove::control
