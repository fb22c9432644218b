// Signature version 4, with which requests to AWS are signed. Source: "Create a signed AWS API
// request" in the user guide of AWS IAM. Thread: pure function.
#pragma once

#include "bridge/provider.h"

namespace cove::bridge {

struct AwsScope {
  std::string region;
  std::string service;
};

// Adds x-amz-date, x-amz-security-token where the key has one, and Authorization. Signed are the
// method, the target, Host, Content-Type, every x-amz-* field and the body: none of them may change
// on the way. REQUIRES: the key has an access_key_id, the request's body is whole.
void SignForAws(http::ClientRequest& request, const ProviderKey& key, const AwsScope& scope,
                WallTime now);

}  // namespace cove::bridge
