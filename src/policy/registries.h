// The shipped default: the package registries that this machine itself is set up for.
//
// Concept: an agent that can install the packages its owner can install is useful at once, and
// those hosts the machine talks to already. Nothing else is opened. Hosts come from the machine's
// own configuration (npm, pip, apt) or are the tool's public default; of each line only scheme,
// host and port are kept: tokens, passwords and user names are never copied out of the text.
// A host that is no public-looking name (an IP address, a name with '_') gives no rule.
// Thread: pure functions, except ReadRegistryFiles, which reads files (at start, before a loop).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cove::policy {

struct RegistryFiles {
  std::vector<std::string> npmrc;  // contents
  std::vector<std::string> pip_conf;
  std::vector<std::string> apt_list;     // one-line style (sources.list(5))
  std::vector<std::string> apt_sources;  // deb822 style
};

// Reads what exists: /etc/npmrc, /usr/etc/npmrc, /usr/local/etc/npmrc, HOME/.npmrc, /etc/pip.conf,
// HOME/.config/pip/pip.conf, HOME/.pip/pip.conf, /etc/apt/sources.list and sources.list.d. A file
// that cannot be read, or is over 256 KiB, counts as absent.
RegistryFiles ReadRegistryFiles(const std::string& root, const std::vector<std::string>& homes);

// The rules, as ParseRule takes them, sorted and each once.
std::vector<std::string> RegistryRules(const RegistryFiles& files);

// Whether an operator wants them: the value of `[policy] registries`.
enum class RegistryMode { kHost, kNone };

}  // namespace cove::policy
