// Who may see a preview, and what of a request belongs to Cove and must not reach the inside.
// Thread: pure but for the tokens' owners, which are loop-confined.
#pragma once

#include "api/call.h"

namespace cove::api {

inline constexpr std::string_view kPreviewTokenHeader = "X-Daytona-Preview-Token";
inline constexpr std::string_view kPreviewTokenQuery = "DAYTONA_SANDBOX_AUTH_KEY";
inline constexpr seconds kPreviewCookieLife{3600};

// Browsers cannot send a key with a WebSocket, so their SDK shows the token that it got for port 1.
// That token is for the toolbox alone: one that was handed out for a preview opens no shell.
inline constexpr uint16_t kToolboxTokenPort = 1;
std::string ToolboxToken(const Context& context, const control::Sandbox& sandbox);
// The caller that a WebSocket below /toolbox/{id} proves to be by such a token.
std::optional<identity::Caller> CallerByToolboxToken(const Context& context, std::string_view id,
                                                     const http::RequestHead& request);

struct PreviewAccess {
  control::Sandbox sandbox;
  // The Set-Cookie that the answer should carry; empty when none is due.
  std::string set_cookie;
};

// kUnauthenticated (nobody known), kDenied (known, but not for this one), kNotFound.
Result<PreviewAccess> AuthorizePreview(const Context& context, const PreviewHost& host,
                                       const http::RequestHead& request);

// The target without the query parameter that carries our token.
std::string StripPreviewToken(std::string_view target);
// The Cookie header's value without our cookies; empty when nothing is left.
std::string StripPreviewCookies(std::string_view cookies);
// The value of one cookie of a Cookie header; empty when absent.
std::string_view CookieValue(std::string_view cookies, std::string_view name);

}  // namespace cove::api
