// /api/sandbox/{sandbox}/ports/{port}/…: links to a sandbox's ports, plain and signed.
#include "api/preview_auth.h"
#include "api/routes.h"
#include "base/text.h"

namespace cove::api {
namespace {

using control::Sandbox;

constexpr seconds kSignedDefault{60};

Result<uint16_t> PortParam(const Call& call) {
  const auto port = ParseInt<uint16_t>(call.Param("port"));
  if (!port || *port == 0) {
    return Error(Code::kInvalid,
                 "the port must be a number from 1 to 65535, not '" + call.Param("port") + "'");
  }
  return *port;
}

Task<Result<void>> PreviewUrl(Call& call) {
  CO_ASSIGN_OR_RETURN(const uint16_t port, PortParam(call));
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox, FindSandbox(call));
  CO_ASSIGN_OR_RETURN(std::string token, call.deps().sandboxes->PreviewToken(sandbox.id));
  if (port == kToolboxTokenPort) token = ToolboxToken(call.context(), sandbox);
  json::Object body;
  body["sandboxId"] = sandbox.id.value;
  body["url"] = call.origin().Preview(port, sandbox.id.value);
  body["token"] = token;
  co_return co_await call.Reply(200, body);
}

Task<Result<void>> SignedPreviewUrl(Call& call) {
  CO_ASSIGN_OR_RETURN(const uint16_t port, PortParam(call));
  seconds lifetime = kSignedDefault;
  if (const auto text = call.request().Query("expiresInSeconds"); text && !text->empty()) {
    const auto number = ParseInt<int64_t>(*text);
    if (!number || *number < 1 || *number > 86400) {
      co_return Error(Code::kInvalid, "expiresInSeconds must be a number from 1 to 86400");
    }
    lifetime = seconds(*number);
  }
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox, FindSandbox(call));
  CO_ASSIGN_OR_RETURN(const auto link,
                      co_await call.deps().previews->CreateSigned(sandbox.id, port, lifetime));
  json::Object body;
  body["sandboxId"] = sandbox.id.value;
  body["port"] = port;
  body["token"] = link.token;
  body["url"] = call.origin().Preview(port, link.token);
  co_return co_await call.Reply(200, body);
}

Task<Result<void>> ExpireSigned(Call& call) {
  CO_ASSIGN_OR_RETURN(const uint16_t port, PortParam(call));
  CO_ASSIGN_OR_RETURN(const Sandbox sandbox, FindSandbox(call));
  CO_RETURN_IF_ERROR(
      co_await call.deps().previews->ExpireSigned(sandbox.id, port, call.Param("token")));
  co_return co_await call.ReplyEmpty(200);
}

}  // namespace

void AddPreviewUrlRoutes(Routes& routes) {
  const std::string base = "/api/sandbox/{sandbox}/ports/{port}";
  // Each gives a way in, or takes one away; the token for the toolbox's port opens all of it.
  constexpr std::string_view kWrite = identity::kWriteSandboxes;
  routes.Add("GET", base + "/preview-url", &PreviewUrl, kWrite);
  routes.Add("GET", base + "/signed-preview-url", &SignedPreviewUrl, kWrite);
  routes.Add("POST", base + "/signed-preview-url/{token}/expire", &ExpireSigned, kWrite);
}

}  // namespace cove::api
