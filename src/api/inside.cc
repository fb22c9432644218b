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

std::string CloseReason(std::string_view text, size_t size_max) {
  constexpr std::string_view kCut = "...";
  if (text.size() <= size_max) return std::string(text);
  std::string_view kept = text.substr(0, size_max - kCut.size());
  // Between words; a single one that is too long, between characters.
  const size_t space = text[kept.size()] == ' ' ? kept.size() : kept.rfind(' ');
  if (space != std::string_view::npos) kept = kept.substr(0, space);
  while (!kept.empty() && (text[kept.size()] & 0xC0) == 0x80) kept.remove_suffix(1);
  while (!kept.empty() && std::string_view(" ,;:(").find(kept.back()) != std::string_view::npos) {
    kept.remove_suffix(1);
  }
  return std::string(kept) + std::string(kCut);
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
