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

// Agents outside call models with an API key or a token.
Result<bridge::Caller> AuthenticateModels(const Context& context,
                                          const http::RequestHead& request) {
  ASSIGN_OR_RETURN(const std::string secret, CredentialOf(request));
  if (context.deps.tokens != nullptr && bridge::Tokens::LooksLikeOne(secret)) {
    return CallerByToken(context, secret);
  }
  ASSIGN_OR_RETURN(const identity::Caller caller, context.deps.keys->Verify(secret));
  bridge::Caller out;
  out.org = caller.org;
  out.user = caller.user;
  out.key_id = caller.key_id;
  return out;
}

Task<void> ServeModels(const Context& context, http::Exchange& exchange) {
  auto caller = AuthenticateModels(context, exchange.request());
  if (!caller) {
    co_await SendError(exchange, std::move(caller).error(), Area::kControl);
  } else if (!context.deps.models) {
    (void)co_await SendFault(exchange, {501, "NOT_IMPLEMENTED", "DAYTONA_API"},
                             "the model gateway is not wired in this server");
  } else {
    co_await context.deps.models(exchange, *std::move(caller));
  }
}

}  // namespace

Api::Api(Deps deps, Settings settings)
    : impl_(std::make_unique<Impl>(std::move(deps), std::move(settings))) {}
Api::~Api() = default;

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
