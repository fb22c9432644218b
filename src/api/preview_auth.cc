#include "api/preview_auth.h"

#include "base/text.h"
#include "http/websocket.h"

namespace cove::api {
namespace {

constexpr std::string_view kCookiePrefix = "daytona-sandbox-auth-";

// Changes with each start, as that of previews does.
std::string ToolboxGeneration(const control::Sandbox& sandbox) {
  return sandbox.preview_generation + "/toolbox";
}

std::string CookieName(const SandboxId& sandbox) {
  return std::string(kCookiePrefix) + sandbox.value;
}

std::string MakeSetCookie(const Context& context, const SandboxId& sandbox) {
  const WallTime end{WallNow().micros +
                     std::chrono::duration_cast<microseconds>(kPreviewCookieLife).count()};
  return CookieName(sandbox) + "=" + context.deps.previews->MakeCookie(sandbox, end) +
         "; Path=/; HttpOnly; SameSite=Lax; Max-Age=" + std::to_string(kPreviewCookieLife.count());
}

// An Authorization header that is one of our keys; an application's own bearer token is not.
std::optional<identity::Caller> CallerOf(const Context& context, const http::RequestHead& request) {
  if (!request.headers.Has("Authorization")) return std::nullopt;
  auto caller = Authenticate(context, request);
  if (!caller) return std::nullopt;
  return *std::move(caller);
}

bool TokenFits(const Context& context, const control::Sandbox& sandbox, std::string_view token) {
  return context.deps.previews->VerifyPlain(sandbox.id, sandbox.preview_generation, token);
}

}  // namespace

std::string ToolboxToken(const Context& context, const control::Sandbox& sandbox) {
  return context.deps.previews->PlainToken(sandbox.id, ToolboxGeneration(sandbox));
}

std::optional<identity::Caller> CallerByToolboxToken(const Context& context, std::string_view id,
                                                     const http::RequestHead& request) {
  const auto token = request.Query(kPreviewTokenQuery);
  if (!token || !http::IsWebSocketUpgrade(request)) return std::nullopt;
  const auto sandbox = context.deps.sandboxes->Find(SandboxId(std::string(id)));
  if (!sandbox || sandbox->preview_generation.empty()) return std::nullopt;
  const auto& previews = *context.deps.previews;
  if (!previews.VerifyPlain(sandbox->id, ToolboxGeneration(*sandbox), *token)) return std::nullopt;
  identity::Caller caller;
  caller.org = sandbox->org;
  caller.key_name = "toolbox token";
  return caller;
}

std::string_view CookieValue(std::string_view cookies, std::string_view name) {
  for (const std::string_view item : Split(cookies, ';')) {
    const std::string_view pair = Trim(item);
    const size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
      return pair.substr(equals + 1);
    }
  }
  return {};
}

std::string StripPreviewCookies(std::string_view cookies) {
  std::string out;
  for (const std::string_view item : Split(cookies, ';')) {
    const std::string_view pair = Trim(item);
    if (pair.empty() || pair.starts_with(kCookiePrefix)) continue;
    if (!out.empty()) out += "; ";
    out += pair;
  }
  return out;
}

std::string StripPreviewToken(std::string_view target) {
  const size_t question = target.find('?');
  if (question == std::string_view::npos) return std::string(target);
  std::string query;
  for (const std::string_view item : Split(target.substr(question + 1), '&')) {
    const auto name = PercentDecode(item.substr(0, item.find('=')), true);
    if (name && *name == kPreviewTokenQuery) continue;
    if (!query.empty()) query += '&';
    query += item;
  }
  std::string out(target.substr(0, question));
  if (!query.empty()) out += "?" + query;
  return out;
}

Result<PreviewAccess> AuthorizePreview(const Context& context, const PreviewHost& host,
                                       const http::RequestHead& request) {
  const auto& deps = context.deps;
  if (!host.signed_token.empty()) {
    const auto target = deps.previews->VerifySigned(host.signed_token);
    if (!target || target->port != host.port) {
      return Error(Code::kUnauthenticated, "this signed link is unknown, expired or revoked");
    }
    auto sandbox = deps.sandboxes->Find(target->sandbox);
    if (!sandbox) return Error(Code::kNotFound, "the sandbox of this link is gone");
    return PreviewAccess{*std::move(sandbox), {}};
  }
  auto sandbox = deps.sandboxes->Find(host.sandbox);
  const Error refused(Code::kUnauthenticated,
                      "this preview is private: send the header X-Daytona-Preview-Token, or open "
                      "the link that the preview-url call gives");
  // Whether a private sandbox exists is nobody's business but its owner's.
  if (!sandbox) return refused;
  if (sandbox->is_public) return PreviewAccess{*std::move(sandbox), {}};
  if (const auto caller = CallerOf(context, request)) {
    if (caller->org != sandbox->org) {
      return Error(Code::kDenied, "this key may not see that sandbox");
    }
    RETURN_IF_ERROR(CheckMay(*caller, identity::kWriteSandboxes));
    return PreviewAccess{*std::move(sandbox), {}};
  }
  if (const auto token = request.headers.Get(kPreviewTokenHeader)) {
    if (!TokenFits(context, *sandbox, *token)) return refused;
    return PreviewAccess{*std::move(sandbox), {}};
  }
  if (const auto token = request.Query(kPreviewTokenQuery)) {
    if (!TokenFits(context, *sandbox, *token)) return refused;
    std::string cookie = MakeSetCookie(context, sandbox->id);
    return PreviewAccess{*std::move(sandbox), std::move(cookie)};
  }
  const std::string_view cookies = request.headers.Get("Cookie").value_or("");
  const std::string_view cookie = CookieValue(cookies, CookieName(sandbox->id));
  if (!cookie.empty() && deps.previews->VerifyCookie(sandbox->id, cookie)) {
    return PreviewAccess{*std::move(sandbox), {}};
  }
  return refused;
}

}  // namespace cove::api
