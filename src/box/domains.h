// What a box may reach: the domains that Codex needs, and those that its owner adds. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cove::box {

struct DomainSources {
  std::optional<std::string> file;  // the text of allowed_domains.txt
  std::string environment;          // OPENAI_ALLOWED_DOMAINS
};

struct Domains {
  std::vector<std::string> names;  // in order, none twice
  std::string sources;             // "defaults, allowed_domains.txt, OPENAI_ALLOWED_DOMAINS"
};

// kInvalid: a word is no domain.
Result<Domains> MergeDomains(const DomainSources& from);

// ^[A-Za-z0-9][A-Za-z0-9.-]+\.[A-Za-z]{2,}$
bool IsDomain(std::string_view name);

}  // namespace cove::box
