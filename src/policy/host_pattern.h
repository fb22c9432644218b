// Which host names a rule means.
//
//   name       that name
//   *.name     every name below it, at any depth, never the name itself
//   **.name    the name and every name below it
//   *          every name (for rules that narrow otherwise: by method, port or denial)
//
// Refused: stars anywhere else ("git*.com", "a.*.b", "github.*"), and a wildcard over a public
// suffix ("*.com", "*.co.uk", "*.github.io"), below which anybody can have a name.
// Thread: values.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace cove::policy {

struct HostPattern {
  enum class Kind { kExact, kBelow, kFrom, kAny };
  Kind kind = Kind::kExact;
  std::string host;  // canonical; empty for kAny

  // kInvalid says what is wrong and what to write instead.
  static Result<HostPattern> Parse(std::string_view text);
  // `name` is in canonical form.
  bool Matches(std::string_view name) const;
  std::string ToString() const;
};

}  // namespace cove::policy
