#include "api/api.h"

#include "api/preview.h"
#include "api/routes.h"
#include "api/socketio.h"

namespace cove::api {

struct Api::Impl {
  Impl(Deps deps, Settings settings)
      : context{std::move(deps), std::move(settings), std::make_unique<Ptys>()},
        routes(context),
        previewer(context) {
    AddConfigRoutes(routes);
    AddSandboxRoutes(routes);
    AddSandboxSettingsRoutes(routes);
    AddPreviewUrlRoutes(routes);
    AddSnapshotRoutes(routes);
    AddWarmPoolRoutes(routes);
    AddKeyRoutes(routes);
    AddPolicyRoutes(routes);
    AddAuditRoutes(routes);
    AddSecretRoutes(routes);
    if (context.deps.books != nullptr) AddAiUsageRoutes(routes);
    if (context.deps.books != nullptr) AddAiTextRoutes(routes);
    if (context.deps.books != nullptr) AddAiBudgetRoutes(routes);
    if (context.deps.tokens != nullptr) AddAiTokenRoutes(routes);
    if (context.deps.books != nullptr) AddMetricsRoutes(routes);
    AddProcessRoutes(routes);
    AddSessionRoutes(routes);
    AddPtyRoutes(routes);
    AddFileRoutes(routes);
    AddUploadRoutes(routes);
    AddDownloadRoutes(routes);
    AddInsideRoutes(routes);
    AddUnsupportedRoutes(routes);
  }

  Context context;
  Routes routes;
  Previewer previewer;
};

namespace {

bool IsBelow(std::string_view path, std::string_view root) {
  return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

// The key or token of an agent outside, given as either kind of client gives its own.
Result<std::string> CredentialOf(const http::RequestHead& request) {
  if (const auto key = request.headers.Get("X-Api-Key")) return std::string(*key);
  return BearerOf(request);
}

Result<bridge::Caller> CallerByToken(const Context& context, std::string_view secret) {
  ASSIGN_OR_RETURN(const bridge::Token token, context.deps.tokens->Verify(secret));
  bridge::Caller out;
  out.org = token.org;
  out.user = token.user;
  // A token is a way in which its key calls.
  if (!context.deps.keys->FindValid(token.org, token.key_id)) {
    return Error(Code::kUnauthenticated,
                 "the API key that this token was made with is gone or has expired");
  }
  out.key_id = token.key_id;
  out.token_id = token.id;
  if (token.sandbox.empty()) return out;
  const auto sandbox = context.deps.sandboxes->Find(token.sandbox);
  if (!sandbox) {
    return Error(Code::kUnauthenticated, "the sandbox that this token is bound to is gone");
  }
  out.sandbox = sandbox->id;
  out.template_name = sandbox->snapshot;
  return out;
}

Result<bridge::Caller> CallerByKey(const Context& context, std::string_view secret) {
  ASSIGN_OR_RETURN(const identity::Caller caller, context.deps.keys->Verify(secret));
  bridge::Caller out;
  out.org = caller.org;
  out.user = caller.user;
  out.key_id = caller.key_id;
  if (!caller.May(identity::kUseModels)) {
    out.barred = bridge::ProviderError{
        403, "cove_key_without_models",
        "The API key '" + caller.key_name +
            "' of Cove may not call models: it lacks the permission " +
            std::string(identity::kUseModels) +
            ". Make a key that has it, or a token (cove token) with one that does."};
  }
  return out;
}

// What ModelCaller() asked, of a caller that it let in then.
Result<void> StillThere(const Context& context, const bridge::Caller& caller) {
  const auto key = context.deps.keys->FindValid(caller.org, caller.key_id);
  if (!key) return Error(Code::kUnauthenticated, "its API key is gone or has expired");
  if (caller.token_id.empty()) return Ok();
  if (context.deps.tokens == nullptr ||
      !context.deps.tokens->InForce(caller.org, caller.token_id)) {
    return Error(Code::kUnauthenticated, "its token is gone or has expired");
  }
  if (!caller.sandbox.empty() && !context.deps.sandboxes->Find(caller.sandbox)) {
    return Error(Code::kUnauthenticated, "the sandbox that its token is bound to is gone");
  }
  return Ok();
}

// Agents outside call models with an API key or a token.
bridge::Caller ModelCaller(const Context& context, const http::RequestHead& request) {
  const auto known = [&]() -> Result<bridge::Caller> {
    ASSIGN_OR_RETURN(const std::string secret, CredentialOf(request));
    const bool token = context.deps.tokens != nullptr && bridge::Tokens::LooksLikeOne(secret);
    return token ? CallerByToken(context, secret) : CallerByKey(context, secret);
  }();
  if (known) return *known;
  bridge::Caller nobody;
  nobody.barred =
      bridge::ProviderError{401, "cove_unauthenticated",
                            "Cove does not know who makes this call: " + known.error().message()};
  return nobody;
}

Task<void> ServeModels(const Context& context, http::Exchange& exchange) {
  if (!context.deps.models) {
    (void)co_await SendFault(exchange, {501, "NOT_IMPLEMENTED", "DAYTONA_API"},
                             "the model gateway is not wired in this server");
    co_return;
  }
  co_await context.deps.models(exchange, ModelCaller(context, exchange.request()));
}

}  // namespace

Api::Api(Deps deps, Settings settings)
    : impl_(std::make_unique<Impl>(std::move(deps), std::move(settings))) {}
Api::~Api() = default;

std::optional<bridge::ProviderError> Api::WhyEnded(const bridge::Caller& caller) const {
  if (caller.key_id.empty()) return std::nullopt;  // a sandbox's connection ends with the sandbox
  const auto there = StillThere(impl_->context, caller);
  if (there) return std::nullopt;
  return bridge::ProviderError{
      401, "cove_unauthenticated",
      "Who opened this connection may call models no longer: " + there.error().message() +
          ". Connect again with a key or token that is in force."};
}

Task<void> Api::Handle(http::Exchange& exchange) {
  const http::RequestHead& request = exchange.request();
  if (auto preview = ParsePreviewHost(request.Host())) {
    co_await impl_->previewer.Serve(*std::move(preview), exchange);
    co_return;
  }
  const std::string_view path = request.RawPath();
  if (path == "/api/socket.io/" || path == "/api/socket.io") {
    co_await ServeSocketIo(impl_->context, exchange);
  } else if (IsBelow(path, "/ai")) {
    co_await ServeModels(impl_->context, exchange);
  } else {
    co_await impl_->routes.Dispatch(exchange);
  }
}

}  // namespace cove::api
