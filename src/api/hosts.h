// Names in both directions: which sandbox and port a preview host means, and which URLs we hand
// out for the host that a client used. A preview host is "{port}-{sandbox id}.<rest>" or, for a
// signed link, "{port}-{16 characters}.<rest>". Thread: pure functions.
#pragma once

#include <optional>
#include <string>

#include "base/strong_id.h"
#include "http/message.h"

namespace cove::api {

struct PreviewHost {
  uint16_t port = 0;
  SandboxId sandbox;         // or
  std::string signed_token;  // one of the two is set
};

inline constexpr size_t kSignedTokenSize = 16;

// `host` as RequestHead::Host() gives it: lower case, without the port.
std::optional<PreviewHost> ParsePreviewHost(std::string_view host);

// How clients reach us.
struct Origin {
  std::string scheme = "http";
  std::string authority;  // "host:port"
  std::string preview_authority;

  // From the Host header of a request (any strange character in it gives localhost), or
  // from the configured public URL ("https://cove.example.com") when that is not empty.
  static Origin Of(const http::RequestHead& request, const std::string& public_url);

  std::string Base() const { return scheme + "://" + authority; }
  std::string Toolbox() const { return Base() + "/toolbox"; }
  // `label` is the sandbox's id or a signed token.
  std::string Preview(uint16_t port, std::string_view label) const;
};

}  // namespace cove::api
