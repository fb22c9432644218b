#include "policy/host_pattern.h"

#include "policy/host_name.h"
#include "policy/public_suffix.h"

namespace cove::policy {
namespace {

bool IsBelow(std::string_view name, std::string_view host) {
  return name.size() > host.size() + 1 && name.ends_with(host) &&
         name[name.size() - host.size() - 1] == '.';
}

}  // namespace

Result<HostPattern> HostPattern::Parse(std::string_view text) {
  HostPattern pattern;
  if (text == "*") {
    pattern.kind = Kind::kAny;
    return pattern;
  }
  if (text.starts_with("**.")) {
    pattern.kind = Kind::kFrom;
    text.remove_prefix(3);
  } else if (text.starts_with("*.")) {
    pattern.kind = Kind::kBelow;
    text.remove_prefix(2);
  }
  if (text.find('*') != std::string_view::npos) {
    return Error(Code::kInvalid,
                 "'*' may only stand for whole first labels: *.example.org, **.example.org");
  }
  ASSIGN_OR_RETURN(pattern.host, CanonicalHost(text));
  if (pattern.kind != Kind::kExact && IsPublicSuffix(pattern.host)) {
    return Error(Code::kInvalid,
                 "anybody can have a name below '" + pattern.host + "'; name the hosts you mean");
  }
  return pattern;
}

bool HostPattern::Matches(std::string_view name) const {
  switch (kind) {
    case Kind::kExact:
      return name == host;
    case Kind::kBelow:
      return IsBelow(name, host);
    case Kind::kFrom:
      return name == host || IsBelow(name, host);
    case Kind::kAny:
      return true;
  }
  return false;
}

std::string HostPattern::ToString() const {
  switch (kind) {
    case Kind::kExact:
      return host;
    case Kind::kBelow:
      return "*." + host;
    case Kind::kFrom:
      return "**." + host;
    case Kind::kAny:
      return "*";
  }
  return host;
}

}  // namespace cove::policy
