#include "policy/draft.h"

#include "base/text.h"
#include "policy/layer.h"

namespace cove::policy {
namespace {

// A basic string; bytes that TOML or a terminal would not bear are escaped.
std::string Quote(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += std::string("\\u00") + kDigits[byte >> 4] + kDigits[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

// One text on a line of its own where there are several: a list that is read and edited.
std::string List(const std::vector<std::string>& texts) {
  if (texts.size() == 1) return "[" + Quote(texts[0]) + "]";
  std::string out = "[\n";
  for (const std::string& text : texts) out += "  " + Quote(text) + ",\n";
  return out + "]";
}

std::string Ports(const std::set<uint16_t>& ports) {
  std::vector<std::string> texts;
  for (const uint16_t port : ports) texts.push_back(std::to_string(port));
  return "[" + Join(texts, ", ") + "]";
}

std::string Comment(std::string_view text) {
  std::string out = "# ";
  for (const char c : text) {
    out += c >= 0x20 && c < 0x7f ? c : '?';
  }
  return out + "\n";
}

}  // namespace

Result<std::string> Draft::ToToml() const {
  std::string out;
  for (const std::string& note : notes) out += Comment(note);
  out += standard == Effect::kAllow ? "default = \"allow\"\n" : "default = \"deny\"\n";
  if (!allow.empty()) out += "allow = " + List(allow) + "\n";
  if (!deny.empty()) out += "deny = " + List(deny) + "\n";
  for (const DraftRule& rule : rules) {
    out += "\n[[rule]]\nallow = " + List(rule.hosts) + "\n";
    if (!rule.ports.empty()) out += "ports = " + Ports(rule.ports) + "\n";
    if (!rule.methods.empty()) out += "methods = " + List(rule.methods) + "\n";
    if (!rule.paths.empty()) out += "paths = " + List(rule.paths) + "\n";
    if (rule.inspect) out += "inspect = true\n";
  }
  RETURN_IF_ERROR(ParseLayer(out, "policy", Layer::kSandbox));
  return out;
}

}  // namespace cove::policy
