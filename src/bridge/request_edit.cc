#include "bridge/request_edit.h"

#include <algorithm>
#include <array>
#include <optional>

#include "json/pieces.h"

namespace cove::bridge {

namespace {

constexpr std::string_view kAsk = "\"include_usage\":true";

struct Place {
  uint64_t begin = 0;
  uint64_t end = 0;
};

struct Splice {
  Place place;
  std::string text;
};

const std::vector<std::string>& Paths() {
  static const std::vector<std::string> paths = {"model", "stream_options",
                                                 "stream_options.include_usage"};
  return paths;
}
enum Id : int { kModel, kOptions, kInclude, kIds };
using Places = std::array<std::optional<Place>, kIds>;

// Where the keys of Paths() have their values.
Places FindPlaces(std::string_view body) {
  static const json::PieceTable table(Paths());
  Places out;
  json::Pieces pieces(table, 0, [&](const json::Piece& piece) {
    out[static_cast<size_t>(piece.id)] = Place{piece.begin, piece.end};
  });
  pieces.Feed(body);
  pieces.End();
  return out;
}

std::optional<Splice> AskForUsage(std::string_view body, const json::Object& request,
                                  const Places& places) {
  const json::Value* options = json::Find(request, "stream_options");
  if (places[kInclude]) {
    const json::Object* object = json::GetObject(request, "stream_options");
    if (object != nullptr && json::GetBool(*object, "include_usage").value_or(false)) {
      return std::nullopt;
    }
    return Splice{*places[kInclude], "true"};
  }
  if (options == nullptr) {
    const uint64_t in = body.find('{') + 1;
    return Splice{{in, in}, "\"stream_options\":{" + std::string(kAsk) + "},"};
  }
  if (options->is_null()) return Splice{*places[kOptions], "{" + std::string(kAsk) + "}"};
  const json::Object* object = options->if_object();
  if (object == nullptr) return std::nullopt;  // the provider will say what is wrong with it
  const uint64_t in = places[kOptions]->begin + 1;
  return Splice{{in, in}, std::string(kAsk) + (object->empty() ? "" : ",")};
}

}  // namespace

RequestEdit EditRequest(Api api, std::string_view body, const json::Object& request,
                        const Aliases& aliases, AskUsage ask) {
  RequestEdit out;
  out.model = json::GetString(request, "model").value_or("");
  std::vector<Splice> splices;
  const auto alias = aliases.find(out.model);
  const bool asks = api == Api::kChatCompletions && ask == AskUsage::kYes &&
                    json::GetBool(request, "stream").value_or(false);
  if (alias == aliases.end() && !asks) return out;  // as most are: the body is not read again
  const Places places = FindPlaces(body);
  if (alias != aliases.end() && places[kModel]) {
    out.model = alias->second;
    splices.push_back({*places[kModel], json::Write(json::Value(out.model))});
  }
  if (asks) {
    if (auto splice = AskForUsage(body, request, places)) {
      splices.push_back(*std::move(splice));
      out.usage_added = true;
    }
  }
  if (splices.empty()) return out;
  std::sort(splices.begin(), splices.end(),
            [](const Splice& a, const Splice& b) { return a.place.begin < b.place.begin; });
  uint64_t at = 0;
  for (const Splice& splice : splices) {
    out.body.append(body.substr(at, splice.place.begin - at)).append(splice.text);
    at = splice.place.end;
  }
  out.body.append(body.substr(at));
  return out;
}

}  // namespace cove::bridge
