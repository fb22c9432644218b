// Errors in the shape that a provider's own clients read, so that an agent shows our text.
#pragma once

#include "bridge/provider.h"
#include "http/message.h"

namespace cove::bridge {

struct ProviderError {
  int status = 500;
  std::string code;     // a stable name, e.g. "cove_no_provider_key"
  std::string message;  // what happened and what to do
  std::optional<seconds> retry_after;
};

http::ResponseHead ErrorHead(ProviderKind kind, const ProviderError& error);
std::string ErrorBody(ProviderKind kind, const ProviderError& error);

}  // namespace cove::bridge
