#include "policy/built_in.h"

namespace cove::policy {

std::optional<Decision> JudgeBuiltIn(std::string_view host, uint16_t port) {
  if (host != kModelHost && host != kProxyHost) return std::nullopt;
  Decision out;
  out.layer = Layer::kBuiltIn;
  out.reason = Reason::kPortNotAllowed;
  if (host == kModelHost && port == kModelPort) {
    out = {true, Reason::kModelGateway, "models.cove is in every sandbox", Layer::kBuiltIn};
  } else if (host == kModelHost && port == kSshAgentPort) {
    out = {true, Reason::kAllowed, "models.cove:22, the SSH agent, is in every sandbox",
           Layer::kBuiltIn};
  } else if (host == kProxyHost && (port == kHttpProxyPort || port == kSocksProxyPort)) {
    out = {true, Reason::kAllowed,
           "proxy.cove is in every sandbox, and judges where it is asked to go", Layer::kBuiltIn};
  }
  return out;
}

}  // namespace cove::policy
