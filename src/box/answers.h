// In ACL mode: where the allowed names lead when the box begins, as its own server finds them.
// What is private is told, as the gateway will refuse it; a name that leads nowhere else ends the
// start. Thread: loop-confined.
#pragma once

#include "agents/api_client.h"

namespace cove::box {

// `sandbox` is the box's id. kUnavailable: nothing public is left of a name. A name without any
// answer is told, and no more. The client outlives the task.
async::Task<Result<void>> CheckAnswers(agents::ApiClient& client, std::string sandbox,
                                       std::vector<std::string> names);

}  // namespace cove::box
