// Coder's rules and plain lists: texts of lines.
#include <algorithm>

#include "base/text.h"
#include "policy/draft.h"
#include "policy/import.h"

namespace cove::policy {
namespace {

Error At(size_t line, std::string_view why) {
  return {Code::kInvalid, "line " + std::to_string(line) + ": " + std::string(why)};
}

std::string_view Unquote(std::string_view text) {
  text = Trim(text);
  if (text.size() >= 2 && (text[0] == '"' || text[0] == '\'') && text.back() == text[0]) {
    text = text.substr(1, text.size() - 2);
  }
  return Trim(text);
}

bool IsWord(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '\\';
  });
}

struct CoderRule {
  std::string domain = "*";
  std::vector<std::string> methods;
  std::vector<std::string> paths;
};

Result<void> ReadMethods(std::string_view value, CoderRule& rule) {
  if (value == "*") return Ok();
  for (const std::string_view method : Split(value, ',')) {
    std::string upper(Trim(method));
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    rule.methods.push_back(std::move(upper));
  }
  return Ok();
}

// There "*" at the end is one or more segments, elsewhere one; "/" is every path.
Result<void> ReadPaths(std::string_view value, CoderRule& rule) {
  for (const std::string_view part : Split(value, ',')) {
    std::string path(Trim(part));
    if (path == "/" || path == "*" || path == "/*") {
      rule.paths.clear();
      return Ok();
    }
    if (!path.starts_with('/')) path.insert(0, "/");
    if (path.ends_with("/*")) path += '*';
    rule.paths.push_back(std::move(path));
  }
  return Ok();
}

Result<CoderRule> ReadCoderRule(std::string_view text) {
  CoderRule rule;
  for (const std::string_view pair : Split(text, ' ')) {
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    const std::string_view key = pair.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
    if (!IsWord(value)) return Error(Code::kInvalid, "'" + std::string(key) + "' has no value");
    if (key == "domain") {
      rule.domain = ToLower(value);
    } else if (key == "method") {
      RETURN_IF_ERROR(ReadMethods(value, rule));
    } else if (key == "path") {
      RETURN_IF_ERROR(ReadPaths(value, rule));
    } else {
      return Error(Code::kInvalid, "the keys are domain, method and path, not '" +
                                       std::string(key.substr(0, 40)) + "'");
    }
  }
  return rule;
}

// Nothing for what carries no rule: blank lines, comments, the head of the YAML list.
std::string_view RuleText(std::string_view line) {
  line = Trim(line);
  if (line.starts_with('#') || line == "allowlist:" || line == "---") return {};
  if (line.starts_with("- ")) line = Unquote(line.substr(2));
  if (line.starts_with("--allow")) {
    line = line.substr(std::string_view("--allow").size());
    if (line.starts_with('=')) line = line.substr(1);
  }
  return Unquote(line);
}

}  // namespace

Result<std::string> ImportCoder(std::string_view text) {
  Draft draft;
  draft.notes = {
      "From Coder's allow rules. There a rule holds for every port, here for 80 and 443;",
      "rules about methods or paths open TLS, as there all of it is."};
  size_t number = 0;
  for (const std::string_view line : Split(text, '\n')) {
    ++number;
    const std::string_view rule_text = RuleText(line);
    if (rule_text.empty()) continue;
    auto rule = ReadCoderRule(rule_text);
    if (!rule) return At(number, rule.error().message());
    if (auto host = HostPattern::Parse(rule->domain); !host) {
      return At(number, host.error().message());
    }
    if (rule->methods.empty() && rule->paths.empty()) {
      draft.allow.push_back(rule->domain);
      continue;
    }
    DraftRule out;
    out.hosts = {rule->domain};
    out.methods = std::move(rule->methods);
    out.paths = std::move(rule->paths);
    out.inspect = true;
    draft.rules.push_back(std::move(out));
  }
  return draft.ToToml();
}

Result<std::string> ImportDomains(std::string_view text) {
  Draft draft;
  size_t number = 0;
  for (std::string_view line : Split(text, '\n')) {
    ++number;
    line = Trim(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    std::string rule(line);
    if (rule.starts_with('.')) rule.insert(0, "**");
    if (auto parsed = ParseRule(rule, Layer::kSandbox); !parsed) {
      return At(number, parsed.error().message());
    }
    draft.allow.push_back(std::move(rule));
  }
  return draft.ToToml();
}

}  // namespace cove::policy
