#include "box/args.h"

namespace cove::box {

Result<Firewall> ParseFirewall(const std::string& mode, const std::string& source) {
  if (mode == "proxy") return Firewall::kProxy;
  if (mode == "acl") return Firewall::kAcl;
  return Error(Code::kInvalid, source + " must be proxy or acl, not '" + mode + "'.");
}

Result<Args> ParseArgs(const std::vector<std::string>& words) {
  Args out;
  std::string read_only;
  std::string firewall;
  struct Flag {
    std::string_view name;
    std::string_view alias;
    std::string_view what;
    std::string* value;
  };
  const Flag flags[] = {
      {"--work_dir", "--work-dir", "directory", &out.work_dir},
      {"--init_script", "--init_script", "script", &out.init_script},
      {"--codex-version", "--codex-version", "version", &out.codex_version},
      {"--auth_file", "--auth-file", "file", &out.auth_file},
      {"--read-only", "--read-only", "path", &read_only},
      {"--config", "--config", "file or directory", &out.config},
      {"--sessions-path", "--sessions-path", "directory", &out.sessions_path},
      {"--codex-home", "--codex-home", "directory", &out.codex_home},
      {"--firewall", "--firewall", "mode", &firewall},
  };
  size_t at = 0;
  for (; at < words.size(); ++at) {
    const std::string& word = words[at];
    if (word == "--") {
      ++at;
      break;
    }
    if (word == "-y" || word == "--yes") {
      out.yes = true;
      continue;
    }
    if (word == "--help" || word == "-h") {
      out.help = true;
      return out;
    }
    const Flag* known = nullptr;
    for (const Flag& flag : flags) {
      if (word == flag.name || word == flag.alias) known = &flag;
    }
    if (known == nullptr) break;
    if (at + 1 >= words.size() || words[at + 1].empty()) {
      return Error(Code::kInvalid,
                   word + " flag provided but no " + std::string(known->what) + " specified.");
    }
    *known->value = words[++at];
    if (known->value == &read_only) out.read_only.push_back(read_only);
    if (known->value == &firewall) {
      ASSIGN_OR_RETURN(out.firewall, ParseFirewall(firewall, word));
    }
  }
  out.codex.assign(words.begin() + static_cast<ptrdiff_t>(at), words.end());
  return out;
}

}  // namespace cove::box
