// Fuzz target: any bytes as a document. Split in any way the parts are the same; in a document that
// the strict reader takes, they are the parts that it finds; Unquote() gives its strings.
#include <cstdlib>
#include <map>

#include "json/json.h"
#include "json/pieces.h"

namespace {

using cove::json::Piece;
using cove::json::Pieces;
using cove::json::PieceTable;

const PieceTable& Table() {
  static const PieceTable table({"id", "usage", "out.*", "out.*.name"});
  return table;
}

std::string Read(std::string_view text, size_t step, std::map<int, std::string>& last) {
  std::string out;
  Pieces pieces(Table(), size_t{1} << 20, [&](const Piece& p) {
    out += std::to_string(p.id) + ":" + std::to_string(p.begin) + "-" + std::to_string(p.end) + "=";
    out.append(p.text).append(";");
    if (p.cut) std::abort();
    last[p.id] = p.text;
  });
  for (size_t at = 0; at < text.size(); at += step) pieces.Feed(text.substr(at, step));
  pieces.End();
  return out + (pieces.whole() ? "!" : "?");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::map<int, std::string> whole;
  std::map<int, std::string> bytes;
  const std::string got = Read(text, size + 1, whole);
  if (got != Read(text, 1, bytes)) std::abort();
  (void)cove::json::Unquote(text);
  const auto strict = cove::json::Parse(text);
  if (!strict) return 0;
  if (!got.ends_with('!')) std::abort();
  const auto* object = strict->if_object();
  if (object == nullptr) return 0;
  const auto* id = cove::json::Find(*object, "id");
  if ((id != nullptr) != whole.contains(0)) std::abort();
  if (id == nullptr) return 0;
  const auto part = cove::json::Parse(whole[0]);
  if (!part || *part != *id) std::abort();
  if (id->is_string() && cove::json::Unquote(whole[0]) != id->as_string()) std::abort();
  return 0;
}
