// What the runner accepts from the front: the front parses what the world sends, so nothing of it
// is believed here. Pure functions; every error is kInvalid and names the field.
#pragma once

#include "base/result.h"
#include "proto/runner.h"

namespace cove::runner {

// A UUID in lower case: it becomes a file name.
Result<void> CheckSandboxId(const SandboxId& id);
Result<void> CheckImageId(const ImageId& id);
Result<void> CheckLimits(const proto::runner::Limits& limits);
// Short, and of the characters of PEM alone: it becomes part of a file, unread.
Result<void> CheckTrust(const std::string& pem);
Result<void> CheckCreate(const proto::runner::BoxCreate& request);

}  // namespace cove::runner
