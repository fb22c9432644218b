// What the API needs to know of egress policies; the front's Egress is one.
// Thread: loop-confined.
#pragma once

#include "control/policies.h"
#include "control/sandbox.h"
#include "policy/policy.h"

namespace cove::api {

class PolicyBook {
 public:
  virtual ~PolicyBook() = default;
  // What an administrator set for that layer.
  virtual std::optional<control::StoredPolicy> Find(const control::PolicyKey& key) const = 0;
  // Holds for all running sandboxes when it answers. kInvalid names the place in the text.
  virtual async::Task<Result<void>> Put(control::PolicyKey key, control::StoredPolicy policy) = 0;
  virtual async::Task<Result<void>> Remove(control::PolicyKey key) = 0;
  // All the layers that have a say about it; an error where one cannot be read, which denies.
  virtual Result<std::shared_ptr<const policy::Policy>> PolicyFor(
      const control::Sandbox& sandbox) const = 0;
  // What kind of place an address is, from this machine.
  virtual policy::AddressClass Classify(const policy::Address& address) const = 0;
};

}  // namespace cove::api
