// What a create asks for, as a short text that is equal for equal requests only. It is kept with
// the sandbox, so that a second request with its idempotency key can be told apart. Pure.
#pragma once

#include <string>

#include "control/sandbox.h"

namespace cove::control {

// Of everything in it but who asks and the key itself; 64 hexadecimal digits.
std::string FingerprintOf(const CreateRequest& request);

}  // namespace cove::control
