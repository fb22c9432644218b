// The names that the gateway itself answers in every sandbox, whatever its policy says.
// Thread: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "policy/policy.h"

namespace cove::policy {

inline constexpr std::string_view kModelHost = "models.cove";
inline constexpr uint16_t kModelPort = 80;
inline constexpr uint16_t kSshAgentPort = 22;  // of the same name
inline constexpr std::string_view kProxyHost = "proxy.cove";
inline constexpr uint16_t kHttpProxyPort = 3128;
inline constexpr uint16_t kSocksProxyPort = 1080;

// Of one of them (`host` is canonical): whether something is there on this port, and what.
std::optional<Decision> JudgeBuiltIn(std::string_view host, uint16_t port);

}  // namespace cove::policy
