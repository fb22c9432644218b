#include "policy/node.h"

#include <optional>

#include "json/toml.h"

namespace cove::policy {
namespace {

std::string Place(std::string_view name, const toml::source_position& at) {
  return std::string(name) + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

Node FromToml(const toml::node& from, std::string_view name) {
  Node node;
  node.where = Place(name, from.source().begin);
  if (const auto* text = from.as_string()) {
    node.kind = Node::Kind::kText;
    node.text = text->get();
  } else if (const auto* number = from.as_integer()) {
    node.kind = Node::Kind::kInteger;
    node.number = number->get();
  } else if (const auto* flag = from.as_boolean()) {
    node.kind = Node::Kind::kBoolean;
    node.flag = flag->get();
  } else if (const auto* list = from.as_array()) {
    node.kind = Node::Kind::kList;
    for (const toml::node& item : *list) node.items.push_back(FromToml(item, name));
  } else if (const auto* table = from.as_table()) {
    node.kind = Node::Kind::kTable;
    for (const auto& [key, value] : *table) {
      node.entries.push_back({std::string(key.str()), FromToml(value, name)});
    }
  }
  return node;
}

Node FromJson(const json::Value& from, const std::string& where) {
  Node node;
  node.where = where.empty() ? "/" : where;
  if (from.is_string()) {
    node.kind = Node::Kind::kText;
    // A NUL inside must not end the text that is judged.
    node.text.assign(from.get_string().data(), from.get_string().size());
  } else if (from.is_int64()) {
    node.kind = Node::Kind::kInteger;
    node.number = from.get_int64();
  } else if (from.is_bool()) {
    node.kind = Node::Kind::kBoolean;
    node.flag = from.get_bool();
  } else if (from.is_array()) {
    node.kind = Node::Kind::kList;
    for (const json::Value& item : from.get_array()) {
      node.items.push_back(FromJson(item, where + "/" + std::to_string(node.items.size())));
    }
  } else if (from.is_object()) {
    node.kind = Node::Kind::kTable;
    for (const auto& entry : from.get_object()) {
      const std::string key(entry.key());
      node.entries.push_back({key, FromJson(entry.value(), where + "/" + key)});
    }
  }
  return node;
}

// TOML has no control characters but tab and line ends, in comments and strings neither; the parser
// reads some of them differently from what the text shows.
std::optional<toml::source_position> FindControl(std::string_view text) {
  toml::source_position at{1, 1};
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool line_end = c == '\n' || c == '\r';
    if ((byte < 0x20 && c != '\t' && !line_end) || byte == 0x7f) return at;
    ++at.column;
    if (c == '\n') at = {at.line + 1, 1};
  }
  return std::nullopt;
}

}  // namespace

Error Node::Wrong(std::string_view why) const {
  return {Code::kInvalid, where + ": " + std::string(why)};
}

Result<Node> NodeFromToml(std::string_view text, std::string_view name) {
  if (text.size() > kDocumentBytesMax) {
    return Error(Code::kTooLarge, std::string(name) + ": over 1 MiB is no policy");
  }
  if (auto bad = FindControl(text)) {
    return Error(
        Code::kInvalid,
        Place(name, *bad) + ": a control character; only tab and line ends may be in TOML");
  }
  const toml::parse_result parsed = json::ParseToml(text);
  if (!parsed) {
    return Error(Code::kInvalid, Place(name, parsed.error().source().begin) + ": " +
                                     std::string(parsed.error().description()));
  }
  return FromToml(parsed.table(), name);
}

Node NodeFromJson(const json::Value& value) { return FromJson(value, ""); }

}  // namespace cove::policy
