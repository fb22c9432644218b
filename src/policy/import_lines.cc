// Coder's rules and plain lists: texts of lines.
#include <algorithm>
#include <array>
#include <set>

#include "base/nearest.h"
#include "base/text.h"
#include "policy/draft.h"
#include "policy/import.h"
#include "policy/method.h"

namespace cove::policy {
namespace {

// A line of what is read, for errors.
struct Line {
  size_t number = 0;
  std::string_view text;

  // `at` is a part of the text.
  Error Wrong(std::string_view at, std::string_view why) const {
    const auto column = static_cast<size_t>(at.data() - text.data()) + 1;
    return {Code::kInvalid, "line " + std::to_string(number) + ", column " +
                                std::to_string(column) + ": " + std::string(why)};
  }
};

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

Result<void> ReadMethods(const Line& line, std::string_view value, CoderRule& rule) {
  if (value == "*") return Ok();
  for (const std::string_view method : Split(value, ',')) {
    std::string upper(method);
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    if (!CheckMethod(upper)) {
      return line.Wrong(method, "'" + std::string(method.substr(0, 40)) +
                                    "' is no method: method=GET,POST, or * for all");
    }
    rule.methods.push_back(std::move(upper));
  }
  return Ok();
}

// There "*" at the end is one or more segments, elsewhere one; "/" is every path.
Result<void> ReadPaths(const Line& line, std::string_view value, CoderRule& rule) {
  bool every = false;
  for (const std::string_view part : Split(value, ',')) {
    if (part == "/" || part == "*" || part == "/*") {
      every = true;
      continue;
    }
    std::string path(part);
    if (!path.starts_with('/')) path.insert(0, "/");
    if (path.ends_with("/*")) path += '*';
    if (auto pattern = PathPattern::Parse(path); !pattern) {
      return line.Wrong(part, pattern.error().message());
    }
    rule.paths.push_back(std::move(path));
  }
  if (every) rule.paths.clear();
  return Ok();
}

Result<CoderRule> ReadCoderRule(const Line& line, std::string_view text) {
  CoderRule rule;
  std::set<std::string_view> keys;
  for (const std::string_view pair : Split(text, ' ')) {
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    const std::string_view key = pair.substr(0, equals);
    if (equals == std::string_view::npos) {
      return line.Wrong(pair, "'" + std::string(key.substr(0, 40)) +
                                  "' is no part of a rule: domain=… method=… path=…");
    }
    if (!keys.insert(key).second) {
      return line.Wrong(pair, "'" + std::string(key.substr(0, 40)) +
                                  "' is there twice; several methods or paths have commas between "
                                  "them, and each domain has a rule of its own, on its own line");
    }
    const std::string_view value = pair.substr(equals + 1);
    if (!IsWord(value)) return line.Wrong(pair, "'" + std::string(key) + "' has no value");
    if (key == "domain") {
      rule.domain = ToLower(value);
      if (auto host = HostPattern::Parse(rule.domain); !host) {
        return line.Wrong(value, host.error().message());
      }
    } else if (key == "method") {
      RETURN_IF_ERROR(ReadMethods(line, value, rule));
    } else if (key == "path") {
      RETURN_IF_ERROR(ReadPaths(line, value, rule));
    } else {
      return line.Wrong(pair, "the keys are domain, method and path, not '" +
                                  std::string(key.substr(0, 40)) + "'");
    }
  }
  return rule;
}

// The other keys of that YAML file, by the names that Coder gives them: how its own proxy, jail and
// logs are run. None says what may leave, so each is left out with a note.
constexpr auto kOfTheJail = std::to_array<std::string_view>(
    {"config", "configure_dns_for_local_stub_resolver", "disable_audit_logs",
     "enable_session_correlation", "jail_type", "log_dir", "log_level", "log_proxy_socket_path",
     "no_user_namespace", "pprof", "pprof_enabled", "pprof_port", "proxy_port",
     "session_correlation_enabled", "session_id_inject_target", "session_id_inject_targets",
     "upstream_proxy", "use_real_dns"});

// A comment begins at a '#' after a blank and outside quotes.
std::string_view WithoutComment(std::string_view line) {
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '#' && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t')) {
      return line.substr(0, i);
    }
  }
  return line;
}

// "key" of "key:" and "key: value"; nothing where the line is no such thing.
std::string_view KeyOf(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return {};
  if (colon + 1 < line.size() && line[colon + 1] != ' ' && line[colon + 1] != '\t') return {};
  const std::string_view key = line.substr(0, colon);
  const bool sound = std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  return sound && !key.starts_with('-') ? key : std::string_view();
}

// Gives the text of each rule, line by line.
class CoderLines {
 public:
  explicit CoderLines(Draft& draft) : draft_(draft) {}

  // Nothing for what carries no rule: blank lines, comments, keys, what belongs to other keys.
  Result<std::string_view> RuleText(const Line& from) {
    const std::string_view whole = from.text;
    std::string_view line = Trim(WithoutComment(whole));
    if (line.empty() || line == "---" || line == "...") return std::string_view();
    const bool item = line.starts_with("- ") || line == "-";
    const bool inner =
        item || whole.starts_with(' ') || whole.starts_with('\t') || line.starts_with(']');
    if (elsewhere_ && inner) return std::string_view();
    elsewhere_ = false;
    if (const std::string_view key = KeyOf(line); !key.empty()) {
      if (auto taken = TakeKey(key, Trim(line.substr(key.size() + 1))); !taken) {
        return from.Wrong(key, taken.error().message());
      }
      return std::string_view();
    }
    if (item) line = Unquote(line.substr(1));
    if (line.starts_with("--allow")) {
      if (const size_t next = line.find(" --allow"); next != std::string_view::npos) {
        return from.Wrong(line.substr(next + 1),
                          "one rule a line: write the next --allow on a line of its own");
      }
      line = line.substr(std::string_view("--allow").size());
      if (line.starts_with('=')) line = line.substr(1);
    }
    return Unquote(line);
  }

 private:
  Result<void> TakeKey(std::string_view key, std::string_view value) {
    if (key == "allowlist") {
      if (value.empty() || value == "[]") return Ok();
      return Error(Code::kInvalid, "write each rule of 'allowlist' on a line: - \"domain=…\"");
    }
    std::string name(key);
    std::replace(name.begin(), name.end(), '-', '_');
    if (std::find(kOfTheJail.begin(), kOfTheJail.end(), name) == kOfTheJail.end()) {
      return Error(Code::kInvalid, "the key '" + std::string(key.substr(0, 40)) +
                                       "' is not known; did you mean '" +
                                       std::string(Nearest(name, kOfTheJail)) + "'?");
    }
    draft_.notes.push_back("left out: " + name + ", which is about how Coder's own jail is run");
    elsewhere_ = true;
    return Ok();
  }

  Draft& draft_;
  bool elsewhere_ = false;  // below a key other than allowlist: its lists hold no rules
};

}  // namespace

Result<std::string> ImportCoder(std::string_view text) {
  Draft draft;
  draft.notes = {
      "From Coder's allow rules. There a rule holds for every port, here for 80 and 443;",
      "rules about methods or paths open TLS, as there all of it is."};
  CoderLines lines(draft);
  Line line;
  for (const std::string_view whole : Split(text, '\n')) {
    line = {line.number + 1, whole};
    ASSIGN_OR_RETURN(const std::string_view rule_text, lines.RuleText(line));
    if (rule_text.empty()) continue;
    ASSIGN_OR_RETURN(CoderRule rule, ReadCoderRule(line, rule_text));
    if (rule.methods.empty() && rule.paths.empty()) {
      draft.allow.push_back(rule.domain);
      continue;
    }
    DraftRule out;
    out.hosts = {rule.domain};
    out.methods = std::move(rule.methods);
    out.paths = std::move(rule.paths);
    out.inspect = true;
    draft.rules.push_back(std::move(out));
  }
  return draft.ToToml();
}

Result<std::string> ImportDomains(std::string_view text) {
  Draft draft;
  Line line;
  for (const std::string_view whole : Split(text, '\n')) {
    line = {line.number + 1, whole};
    const std::string_view host = Trim(whole.substr(0, whole.find('#')));
    if (host.empty()) continue;
    std::string rule(host);
    if (rule.starts_with('.')) rule.insert(0, "**");
    if (auto parsed = ParseRule(rule, Layer::kSandbox); !parsed) {
      return line.Wrong(host, parsed.error().message());
    }
    draft.allow.push_back(std::move(rule));
  }
  return draft.ToToml();
}

}  // namespace cove::policy
