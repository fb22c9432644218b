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
    AddRowsRoutes(routes);
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

// Agents outside call models with an API key, given as either kind of client gives its own.
Result<identity::Caller> AuthenticateModels(const Context& context,
                                            const http::RequestHead& request) {
  if (const auto key = request.headers.Get("X-Api-Key")) return context.deps.keys->Verify(*key);
  return Authenticate(context, request);
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
