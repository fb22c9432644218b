// Profile: how tightly a sandbox is closed. docs/guide.md says what each allows.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cove::proto {

enum class Profile : uint8_t {
  kDefault,  // a deny list of system calls; nested sandboxes (user and mount namespaces) work
  kStrict,   // an allowlist; no namespaces, no mounts, no privilege is ever gained
};

constexpr std::string_view ProfileName(Profile profile) {
  return profile == Profile::kStrict ? "strict" : "default";
}

constexpr std::optional<Profile> ParseProfile(std::string_view name) {
  if (name == "default") return Profile::kDefault;
  if (name == "strict") return Profile::kStrict;
  return std::nullopt;
}

// The one that allows what both allow.
constexpr Profile Tighter(Profile a, Profile b) { return a > b ? a : b; }

}  // namespace cove::proto
