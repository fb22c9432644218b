// Previews: a browser's way to a port inside a sandbox.
//
// Concept: the Host of a request names sandbox and port. Whoever asks must show one of (in this
// order) an API key, the sandbox's preview token as a header, the same as a query parameter, the
// cookie that this earns, or come by a signed host; a public sandbox is open to all. Then the
// request goes, without any of Cove's own credentials, to a socket that the toolbox connected to
// that port; the answer streams back as it comes, and upgraded connections are joined as bytes.
// Servers inside see `Host: localhost:{port}`, which development servers accept, and the name that
// the browser used in X-Forwarded-Host.
// Thread: loop-confined.
#pragma once

#include "api/call.h"
#include "http/client.h"

namespace cove::api {

class Previewer {
 public:
  // `context` must outlive this.
  explicit Previewer(const Context& context);
  Task<void> Serve(PreviewHost host, http::Exchange& exchange);

 private:
  Task<Result<void>> Forward(const PreviewHost* host, const control::Sandbox* sandbox,
                             std::string set_cookie, http::Exchange& exchange);
  const Context& context_;
  http::Client client_;
};

// The headers that go inside: without Cove's credentials and what concerns one hop only.
http::Headers InsideHeaders(const Context& context, const http::RequestHead& request, uint16_t port,
                            const std::string& peer);
// The headers that go back out.
http::Headers OutsideHeaders(const http::Headers& inside, const std::string& set_cookie);

}  // namespace cove::api
