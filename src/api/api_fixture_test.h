// An Api over the real control, identity and store, with a runner that makes boxes of nothing and
// one scripted toolbox for all of them.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include "api/api.h"
#include "api/fake_exchange_test.h"
#include "api/fake_toolbox_test.h"
#include "audit/log.h"
#include "base/testing.h"
#include "base/text.h"

namespace cove::api {

class FakeRunner final : public control::Runner, public control::Toolbox {
 public:
  template <class T>
  using Task = async::Task<T>;
  Task<Result<proto::RunningBox>> CreateBox(proto::runner::BoxCreate request) override {
    co_return Running(request.id);
  }
  Task<Result<proto::RunningBox>> StartBox(SandboxId id) override { co_return Running(id); }
  Task<Result<proto::RunningBox>> AttachBox(SandboxId id) override { co_return Running(id); }
  Task<Result<void>> StopBox(SandboxId, milliseconds) override { co_return Ok(); }
  Task<Result<void>> DeleteBox(SandboxId) override { co_return Ok(); }
  Task<Result<void>> PauseBox(SandboxId) override { co_return Ok(); }
  Task<Result<void>> ResumeBox(SandboxId) override { co_return Ok(); }
  Task<Result<void>> ResizeBox(SandboxId, proto::runner::Limits) override { co_return Ok(); }
  Task<Result<std::vector<proto::runner::BoxInfo>>> ListBoxes() override {
    co_return std::vector<proto::runner::BoxInfo>();
  }
  Task<Result<proto::runner::ImageInfo>> SnapshotBox(SandboxId) override { co_return Image(); }
  Task<Result<proto::runner::ImageInfo>> HostImage(OnProgress) override { co_return Image(); }
  Task<Result<std::vector<proto::runner::ImageInfo>>> ListImages() override {
    co_return std::vector<proto::runner::ImageInfo>{Image()};
  }
  Task<Result<void>> DeleteImage(ImageId) override { co_return Ok(); }
  Task<Result<void>> Configure(std::string, proto::toolbox::EnvList) override { co_return Ok(); }
  Task<Result<void>> Try(std::string) override { co_return Ok(); }
  Task<Result<uint32_t>> Running(std::string) override { co_return 0u; }
  Task<Result<void>> StopClocks(std::string) override { co_return Ok(); }
  Task<Result<void>> StartClocks(std::string) override { co_return Ok(); }

  std::string socket;

 private:
  proto::RunningBox Running(const SandboxId& id) const {
    proto::RunningBox box;
    box.info.id = id;
    box.info.toolbox_socket = socket;
    return box;
  }
  static proto::runner::ImageInfo Image() {
    proto::runner::ImageInfo image;
    image.id = ImageId(std::string(64, 'a'));
    return image;
  }
};

class ApiTest : public ::testing::Test {
 protected:
  ApiTest() {
    runner_.socket = folder_ / "box.sock";
    inside_ = std::make_unique<FakeToolbox>(runner_.socket);
    store::Migrations migrations = identity::kMigrations;
    migrations.insert(migrations.end(), control::kMigrations.begin(), control::kMigrations.end());
    migrations.insert(migrations.end(), bridge::kMigrations.begin(), bridge::kMigrations.end());
    store_ = *store::OpenSqlite(folder_ / "cove.db", migrations);
    keys_ = *loop_.RunUntil(identity::Keys::Open(*store_));
    EXPECT_TRUE(loop_.RunUntil(keys_->SeedAdmin(key_, folder_ / "key")).ok());
    previews_ = *loop_.RunUntil(identity::Previews::Open(*store_));
    secrets_ = *loop_.RunUntil(identity::Secrets::Open(*store_, folder_ / "secrets.key"));
    OpenControl();
    bridge::BooksSettings settings;
    settings.prices = bridge::PriceTable::Shipped();
    books_ = std::make_unique<bridge::Books>(bridge::Books::Deps{.store = store_.get()}, settings);
    EXPECT_TRUE(loop_.RunUntil(books_->Open()).ok());
    tokens_ = *loop_.RunUntil(bridge::Tokens::Open(*store_, books_->budgets()));
    audit_ = *audit::Log::Open(folder_ / "audit", pool_);
    Deps deps;
    deps.audit = audit_.get();
    deps.file_pool = &pool_;
    deps.books = books_.get();
    deps.tokens = tokens_.get();
    deps.models = [this](http::Exchange& exchange, bridge::Caller caller) {
      model_callers_.push_back(std::move(caller));
      return AnswerModel(exchange, model_callers_.back().barred);
    };
    deps.sandboxes = sandboxes_.get();
    deps.keys = keys_.get();
    deps.previews = previews_.get();
    deps.secrets = secrets_.get();
    deps.resolver_pool = &pool_;
    api_ = std::make_unique<Api>(std::move(deps), Settings{});
  }
  ~ApiTest() override {
    api_.reset();
    audit_.reset();
    tokens_.reset();
    books_.reset();
    sandboxes_.reset();
    secrets_.reset();
    previews_.reset();
    keys_.reset();
    store_.reset();
    inside_.reset();
  }

  void OpenControl() {
    control::Deps deps;
    deps.store = store_.get();
    deps.runner = &runner_;
    deps.toolbox = &runner_;
    deps.previews = previews_.get();
    deps.placeholder = [this](const OrgId& org,
                              const std::string& name) -> std::optional<std::string> {
      const auto found = secrets_->FindByName(org, name);
      if (!found) return std::nullopt;
      return found->placeholder;
    };
    deps.door.attach = [](const control::Sandbox&, proto::RunningBox) { return Ok(); };
    deps.door.detach = [](const SandboxId&) {};
    deps.door.update = [](const control::Sandbox&) {};
    deps.machine = [this] {
      control::MachineFacts facts;
      facts.cpus = 8;
      facts.memory_bytes = facts.memory_available_bytes = 16ull << 30;
      facts.disk_bytes = 100ull << 30;
      facts.room = room_;
      return facts;
    };
    sandboxes_ = *loop_.RunUntil(control::Sandboxes::Open(std::move(deps), {}));
    EXPECT_TRUE(loop_.RunUntil(sandboxes_->Recover()).ok());
  }

  static async::Task<void> AnswerModel(http::Exchange& exchange,
                                       std::optional<bridge::ProviderError> barred) {
    http::ResponseHead head;
    if (barred) head.status = barred->status;
    (void)co_await exchange.Respond(std::move(head), barred ? barred->code : "{}");
  }
  void Handle(FakeExchange& exchange) { loop_.RunUntil(api_->Handle(exchange)); }
  // Sends a request with the admin key; the answer is in the exchange.
  std::unique_ptr<FakeExchange> Send(std::string method, std::string target,
                                     std::string body = {}) {
    return SendAs(key_, std::move(method), std::move(target), std::move(body));
  }
  std::unique_ptr<FakeExchange> SendAs(const std::string& key, std::string method,
                                       std::string target, std::string body = {}) {
    auto exchange = std::make_unique<FakeExchange>(std::move(method), std::move(target), body);
    exchange->headers().Add("Authorization", "Bearer " + key);
    Handle(*exchange);
    return exchange;
  }
  // A new key with these permissions only.
  std::string KeyWith(std::vector<std::string> scopes) {
    identity::KeyRequest request;
    request.org = identity::kDefaultOrg;
    request.name = "with " + Join(scopes, " ");
    request.scopes = std::move(scopes);
    const auto made = loop_.RunUntil(keys_->Create(request));
    EXPECT_TRUE(made.ok()) << made.error().message();
    return made.ok() ? made->secret : std::string();
  }
  static json::Object Json(const FakeExchange& exchange) {
    auto object = json::ParseObject(exchange.text);
    EXPECT_TRUE(object.ok()) << exchange.text;
    return object ? *object : json::Object();
  }
  std::string CreateBox(std::string body = "{}") {
    const auto answer = Send("POST", "/api/sandbox", std::move(body));
    EXPECT_EQ(answer->answer.status, 200) << answer->text;
    return json::GetString(Json(*answer), "id").value_or("");
  }

  async::Loop loop_;
  async::ThreadPool pool_{1};
  TempDir folder_;
  const std::string key_ = "cove_" + std::string(64, '1');
  FakeRunner runner_;
  std::optional<proto::Room> room_;  // as the runner told it
  std::unique_ptr<FakeToolbox> inside_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<identity::Keys> keys_;
  std::unique_ptr<identity::Previews> previews_;
  std::unique_ptr<identity::Secrets> secrets_;
  std::unique_ptr<control::Sandboxes> sandboxes_;
  std::unique_ptr<bridge::Books> books_;
  std::unique_ptr<bridge::Tokens> tokens_;
  std::unique_ptr<audit::Log> audit_;
  std::vector<bridge::Caller> model_callers_;  // who reached the model gateway
  std::unique_ptr<Api> api_;
};

}  // namespace cove::api
