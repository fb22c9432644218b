#include "gateway/hello_name.h"

#include "policy/host_name.h"

namespace cove::gateway {

using policy::Reason;

HelloName ReadHelloName(const codec::ClientHello& hello,
                        const std::optional<std::string>& stand_in) {
  constexpr uint16_t kTls12 = 0x0303;
  if (hello.encrypted_hello) return {Reason::kEncryptedHello, {}};
  if (hello.version < kTls12) return {Reason::kMalformed, {}};
  if (hello.server_name.empty()) return {Reason::kNoName, {}};
  auto host = policy::CanonicalHost(hello.server_name);
  if (!host) return {Reason::kBadName, hello.server_name};
  if (stand_in && *stand_in != *host) return {Reason::kNameMismatch, std::move(*host)};
  return {Reason::kAllowed, std::move(*host)};
}

}  // namespace cove::gateway
