// The command line of `cove box`: the wrapper's options, then Codex's own words, untouched.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace cove::box {

enum class Firewall { kProxy, kAcl };

struct Args {
  std::string work_dir;
  std::string init_script;
  std::string codex_version;
  std::string auth_file;
  std::vector<std::string> read_only;
  std::string config;
  std::string sessions_path;
  std::string codex_home;
  std::optional<Firewall> firewall;
  bool yes = false;
  bool help = false;
  std::vector<std::string> codex;
};

inline constexpr const char* kUsage =
    "usage: cove box [--work_dir DIR] [--init_script FILE] [--codex-version V] [--auth_file FILE]\n"
    "                [--read-only PATH]... [--config FILE|DIR] [--sessions-path DIR]\n"
    "                [--codex-home DIR] [-y|--yes] [--firewall proxy|acl] [--] [codex arguments]\n"
    "Runs Codex in a disposable sandbox that sees one project directory. See docs/box.md.\n";

// The first word that is none of ours ends the options. kInvalid: an option without its value.
Result<Args> ParseArgs(const std::vector<std::string>& words);
// "proxy" or "acl". `source` names where it was said.
Result<Firewall> ParseFirewall(const std::string& mode, const std::string& source);

}  // namespace cove::box
