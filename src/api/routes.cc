#include "api/routes.h"

#include "api/keep_touching.h"
#include "api/preview_auth.h"
#include "async/task_group.h"
#include "log/log.h"

namespace cove::api {
namespace {

Task<void> Finish(http::Exchange& exchange, Result<void> result, Area area) {
  if (result) co_return;
  const Code code = result.error().code();
  if (code == Code::kInternal || code == Code::kIo) {
    log::Warn("api.failed", {{"method", exchange.request().method},
                             {"path", exchange.request().RawPath()},
                             {"error", result.error().message()}});
  }
  co_await SendError(exchange, std::move(result).error(), area);
}

Task<void> RunRoute(const Context& context, HandlerFn handler, std::string_view scope, Area area,
                    http::Exchange& exchange, const http::PathParams& params) {
  auto caller = Authenticate(context, exchange.request());
  if (!caller) {
    co_await SendError(exchange, std::move(caller).error(), area);
    co_return;
  }
  if (!scope.empty()) {
    if (auto may = CheckMay(*caller, scope); !may) {
      co_await SendError(exchange, std::move(may).error(), area);
      co_return;
    }
  }
  Call call(context, exchange, params, *std::move(caller));
  Result<void> result = co_await handler(call);
  co_await Finish(exchange, std::move(result), area);
}

Task<void> RunOpenRoute(const Context& context, HandlerFn handler, http::Exchange& exchange,
                        const http::PathParams& params) {
  Call call(context, exchange, params, {});
  Result<void> result = co_await handler(call);
  co_await Finish(exchange, std::move(result), Area::kControl);
}

struct InsideRoute {
  HandlerFn handler;
  Area area;
  control::Activity activity;
};

Task<Result<void>> RunInside(InsideRoute route, control::Sandboxes* sandboxes, SandboxId id,
                             Call* call) {
  CO_RETURN_IF_ERROR(co_await sandboxes->ResumeForUse(id));
  Result<void> result = co_await route.handler(*call);
  if (result) co_return Ok();
  co_return co_await sandboxes->Explain(id, std::move(result).error());
}

Task<void> RunInsideRoute(const Context& context, InsideRoute route, http::Exchange& exchange,
                          const http::PathParams& params) {
  auto caller = Authenticate(context, exchange.request());
  if (!caller) {
    auto other = CallerByToolboxToken(context, params["sandbox"], exchange.request());
    if (other) caller = *std::move(other);
  }
  if (!caller) {
    co_await SendError(exchange, std::move(caller).error(), Area::kProxy);
    co_return;
  }
  if (auto may = CheckMay(*caller, identity::kWriteSandboxes); !may) {
    co_await SendError(exchange, std::move(may).error(), Area::kProxy);
    co_return;
  }
  Call call(context, exchange, params, *std::move(caller));
  auto sandbox = FindSandbox(call);
  if (!sandbox) {
    co_await SendError(exchange, std::move(sandbox).error(), Area::kProxy);
    co_return;
  }
  async::TaskGroup activity;
  activity.Spawn(KeepTouching(context.deps.sandboxes, sandbox->id, route.activity));
  Result<void> result = co_await RunInside(route, context.deps.sandboxes, sandbox->id, &call);
  co_await Finish(exchange, std::move(result), route.area);
}

}  // namespace

void Routes::Add(std::string method, std::string pattern, HandlerFn handler, std::string_view scope,
                 Area area) {
  router_.Add(std::move(method), std::move(pattern),
              [context = &context_, handler, scope, area](http::Exchange& exchange,
                                                          const http::PathParams& params) {
                return RunRoute(*context, handler, scope, area, exchange, params);
              });
}

void Routes::AddOpen(std::string method, std::string pattern, HandlerFn handler) {
  router_.Add(
      std::move(method), std::move(pattern),
      [context = &context_, handler](http::Exchange& exchange, const http::PathParams& params) {
        return RunOpenRoute(*context, handler, exchange, params);
      });
}

void Routes::AddInside(std::string method, std::string pattern, HandlerFn handler, Area area,
                       control::Activity activity) {
  router_.Add(std::move(method), "/toolbox/{sandbox}" + pattern,
              [context = &context_, route = InsideRoute{handler, area, activity}](
                  http::Exchange& exchange, const http::PathParams& params) {
                return RunInsideRoute(*context, route, exchange, params);
              });
}

Task<void> Routes::Dispatch(http::Exchange& exchange) const {
  const http::RequestHead& request = exchange.request();
  const std::string path(request.RawPath());
  const http::RouteMatch match = router_.Match(request.method, path);
  switch (match.kind) {
    case http::RouteMatch::Kind::kFound:
      co_await (*match.handler)(exchange, match.params);
      co_return;
    case http::RouteMatch::Kind::kNotFound:
      co_await SendError(exchange,
                         Error(Code::kNotFound, "no such route: " + request.method + " " + path),
                         Area::kControl);
      co_return;
    case http::RouteMatch::Kind::kMethodNotAllowed:
      (void)co_await SendFault(
          exchange, {405, "METHOD_NOT_ALLOWED", "DAYTONA_API"},
          request.method + " is not possible on " + path + "; it takes " + match.allow);
      co_return;
  }
}

}  // namespace cove::api
