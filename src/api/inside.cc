#include "api/inside.h"

#include <algorithm>

#include "base/text.h"

namespace cove::api {

Result<toolbox::ToolboxClient> OpenToolbox(Call& call) {
  ASSIGN_OR_RETURN(const control::Sandbox sandbox, FindSandbox(call));
  ASSIGN_OR_RETURN(std::string socket, call.deps().sandboxes->ToolboxFor(sandbox.id));
  return toolbox::ToolboxClient(std::move(socket));
}

std::string LogMarker::Mark(Stream stream, std::string_view data) {
  std::string out;
  out.reserve(data.size() + 3);
  if (stream != last_) out.append(3, stream == Stream::kStderr ? '\x02' : '\x01');
  last_ = stream;
  out += data;
  return out;
}

std::string CloseReason(std::string_view text) {
  constexpr size_t kReasonMax = 123;
  size_t size = std::min(text.size(), kReasonMax);
  while (size < text.size() && size > 0 && (text[size] & 0xC0) == 0x80) --size;
  return std::string(text.substr(0, size));
}

std::string VersionSubprotocol(const http::RequestHead& request) {
  const auto offered = request.headers.Get("Sec-WebSocket-Protocol");
  if (!offered) return {};
  for (const std::string_view token : Split(*offered, ',')) {
    if (Trim(token).starts_with("X-Daytona-SDK-Version~")) return std::string(Trim(token));
  }
  return {};
}

}  // namespace cove::api
