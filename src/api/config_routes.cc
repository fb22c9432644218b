// What clients ask before they know anybody: the server's settings and health.
#include "api/routes.h"

namespace cove::api {
namespace {

Task<Result<void>> Config(Call& call) {
  const Origin origin = call.origin();
  json::Object oidc;
  oidc["issuer"] = "";
  oidc["clientId"] = "";
  oidc["audience"] = "";
  json::Object body;
  body["version"] = call.settings().version;
  body["oidc"] = std::move(oidc);
  body["linkedAccountsEnabled"] = false;
  body["announcements"] = json::Object();
  body["proxyTemplateUrl"] =
      origin.scheme + "://{{PORT}}-{{sandboxId}}." + origin.preview_authority;
  body["proxyToolboxUrl"] = origin.Toolbox();
  body["defaultSnapshot"] = control::kHostSnapshot;
  body["dashboardUrl"] = origin.Base();
  body["maxAutoArchiveInterval"] = 43200;
  body["maintananceMode"] = false;  // spelled so by the contract
  body["environment"] = "production";
  co_return co_await call.Reply(200, body);
}

Task<Result<void>> Health(Call& call) {
  json::Object body;
  body["status"] = "ok";
  body["version"] = call.settings().version;
  co_return co_await call.Reply(200, body);
}

}  // namespace

void AddConfigRoutes(Routes& routes) {
  routes.AddOpen("GET", "/api/config", &Config);
  for (const char* path : {"/health", "/api/health", "/api/health/ready"}) {
    routes.AddOpen("GET", path, &Health);
  }
}

}  // namespace cove::api
