// The name that a ClientHello asks for, or why it cannot be judged. Thread: pure functions.
#pragma once

#include <optional>
#include <string>

#include "codec/tls_hello.h"
#include "policy/reason.h"

namespace cove::gateway {

struct HelloName {
  policy::Reason reason = policy::Reason::kAllowed;
  std::string host;  // canonical, unless it is a bad name
};

// `stand_in` is the name that the connection was looked up by: another one is a mismatch.
HelloName ReadHelloName(const codec::ClientHello& hello,
                        const std::optional<std::string>& stand_in);

}  // namespace cove::gateway
