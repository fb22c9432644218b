#include "codec/sse.h"

namespace cove::codec {
namespace {

void AppendWithoutLineEnds(std::string* out, std::string_view text) {
  for (const char c : text) {
    if (c != '\r' && c != '\n' && c != '\0') *out += c;
  }
  *out += '\n';
}

}  // namespace

std::string FormatSse(std::string_view event, std::string_view data, std::string_view id) {
  std::string out;
  out.reserve(event.size() + data.size() + id.size() + 32);
  if (!event.empty()) AppendWithoutLineEnds(&out.append("event: "), event);
  if (!id.empty()) AppendWithoutLineEnds(&out.append("id: "), id);
  for (;;) {
    const size_t end = data.find_first_of("\r\n");
    out.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == data.npos) break;
    data.remove_prefix(end + (data.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  return out + "\n";
}

}  // namespace cove::codec
