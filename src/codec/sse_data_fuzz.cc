// Fuzz target: any bytes as an event stream: in any pieces SseData gives the data that SseParser
// gives, uses every byte once, and never stands still.
#include <cstdlib>
#include <string>

#include "codec/sse.h"
#include "codec/sse_data.h"

namespace {

using cove::codec::SseData;

std::string Read(std::string text, size_t step) {
  std::string out;
  SseData reader;
  text += "\n\n";  // the end of the stream
  for (size_t at = 0; at < text.size(); at += step) {
    std::string_view bytes = std::string_view(text).substr(at, step);
    while (!bytes.empty()) {
      const SseData::Step got = reader.Next(bytes);
      if (got.used == 0 || got.used > bytes.size()) std::abort();
      if (got.what == SseData::What::kData) out += got.data;
      if (got.what == SseData::What::kEnd) out += '|';
      bytes.remove_prefix(got.used);
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::string want;
  cove::codec::SseParser parser(
      [&want](const cove::codec::SseEvent& e) { want.append(e.data).append("|"); });
  parser.Feed(text);
  parser.End();
  if (Read(text, size + 2) != want || Read(text, 1) != want) std::abort();
  return 0;
}
