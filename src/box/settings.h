// Settings: Codex's configuration, prompts and credentials on the host, found in the wrapper's
// order. Files in the project are read by Tree's rules: a link that an agent left there leads
// nowhere. Thread: any; calls block on the disk.
#pragma once

#include <optional>

#include "box/places.h"

namespace cove::box {

// config.toml into `environment`: always when --config names one, else only where it is missing.
// Gives the path of what was copied, or nothing.
Result<std::string> PlaceConfig(const Args& args, const World& world, const Tree& project,
                                const Tree& environment);

// What a config.toml says beside the things that Codex itself writes there (the model, what it has
// shown), in one form; empty: nothing. Trust in a directory is not among those: with it Codex obeys
// the .codex/config.toml there, which an agent can make. A text that is no TOML says all of it.
std::string DecidingSettings(std::string_view config);
// What they set, for people: the first names, those that say where prompts go or what is started
// before the others, and how many more there are.
std::string NamesOfSettings(const std::string& settings);

// Prompts that are not there yet.
Result<void> PlacePrompts(const Args& args, const World& world, const Tree& project,
                          const Tree& environment);

struct AuthFile {
  std::string path;
  std::string text;
};
// Nothing: there is none anywhere. kInvalid: the one that was named is not there. Where
// OPENAI_API_KEY is set, what an agent could have left there without being named is passed over.
Result<std::optional<AuthFile>> FindAuth(const Args& args, const World& world, const Places& places,
                                         const Homes& homes);

// CODEX_CONFIG_DIR, ~/.codex, ~/.config/codex, and two places of the project.
std::vector<std::string> ConfigDirs(const World& world, const Tree& project);

}  // namespace cove::box
