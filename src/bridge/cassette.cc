#include "bridge/cassette.h"

#include <fstream>
#include <sstream>

#include "codec/base64.h"
#include "json/json.h"

namespace cove::bridge {
namespace {

// Whether the bytes are what JSON can hold as they are: UTF-8.
bool IsText(std::string_view bytes) { return json::Parse(json::Write(json::Value(bytes))).ok(); }

}  // namespace

std::string CassetteLine(const RecordedCall& call) {
  json::Object headers;
  for (const auto& [name, value] : call.headers) headers[name] = value;
  json::Object line;
  line["kind"] = call.kind;
  line["method"] = call.method;
  line["path"] = call.path;
  line["hash"] = call.hash;
  line["model"] = call.model;
  line["status"] = call.status;
  line["headers"] = std::move(headers);
  if (IsText(call.body)) {
    line["body"] = call.body;
  } else {
    line["body_base64"] = codec::EncodeBase64(call.body);
  }
  return json::Write(line) + "\n";
}

Result<RecordedCall> ParseCassetteLine(std::string_view line) {
  ASSIGN_OR_RETURN(const json::Object object, json::ParseObject(line));
  auto text = [&](std::string_view key) { return json::GetString(object, key).value_or(""); };
  RecordedCall out;
  out.kind = text("kind");
  out.method = text("method");
  out.path = text("path");
  out.hash = text("hash");
  out.model = text("model");
  out.status = static_cast<int>(json::GetInt(object, "status").value_or(0));
  if (out.kind.empty() || out.method.empty() || out.path.empty() || out.status < 200 ||
      out.status > 599) {
    return Error(Code::kInvalid, "kind, method, path or a status from 200 to 599 is missing");
  }
  if (const json::Object* headers = json::GetObject(object, "headers")) {
    for (const auto& [name, value] : *headers) {
      if (const auto* field = value.if_string()) out.headers.Add(name, std::string(*field));
    }
  }
  out.body = text("body");
  if (const auto encoded = json::GetString(object, "body_base64")) {
    auto bytes = codec::DecodeBase64(*encoded);
    if (!bytes) return Error(Code::kInvalid, "body_base64 is not base64");
    out.body = *std::move(bytes);
  }
  return out;
}

Result<Cassette> Cassette::Read(const std::string& path, Match match) {
  std::ifstream in(path);
  if (!in) {
    return Error::FromErrno("reading the cassette " + path +
                            " (the server's user 61800 must be able to read it)");
  }
  std::string line;
  std::getline(in, line);
  if (line + "\n" != kCassetteHead) {
    return Error(Code::kInvalid, path + ": its first line is not that of a cassette");
  }
  std::vector<RecordedCall> calls;
  for (int number = 2; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    auto call = ParseCassetteLine(line);
    if (!call) return std::move(call).error().Wrap(path + ":" + std::to_string(number));
    calls.push_back(*std::move(call));
  }
  return Cassette(std::move(calls), match);
}

Cassette::Cassette(std::vector<RecordedCall> calls, Match match)
    : calls_(std::move(calls)), match_(match) {
  for (size_t i = 0; i < calls_.size(); ++i) groups_[GroupOf(calls_[i])].push_back(i);
}

std::string Cassette::GroupOf(const RecordedCall& call) const {
  if (match_ == Match::kExact) return call.hash;
  return call.kind + " " + call.method + " " + call.path;
}

const RecordedCall* Cassette::Next(const std::string& caller, const RecordedCall& asked) {
  const std::string group = GroupOf(asked);
  const auto it = groups_.find(group);
  if (it == groups_.end()) return nullptr;
  // Agents come and go; one that is forgotten begins again.
  if (callers_.size() >= kCallersMax && !callers_.contains(caller)) callers_.clear();
  size_t& given = callers_[caller][group];
  const std::vector<size_t>& places = it->second;
  // What only reads may be asked any number of times.
  const bool repeats = match_ == Match::kExact || asked.method == "GET";
  if (given >= places.size() && !repeats) return nullptr;
  const RecordedCall& found = calls_[places[std::min(given, places.size() - 1)]];
  ++given;
  return &found;
}

}  // namespace cove::bridge
