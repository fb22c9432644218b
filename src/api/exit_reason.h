// Why a command ended, in words, for a client: what its exit code alone does not tell.
// Thread: pure functions.
#pragma once

#include <string>

#include "control/sandbox.h"
#include "json/json.h"
#include "proto/toolbox.h"

namespace cove::api {

// Empty: it ended by itself with that code.
std::string ExitReasonText(const control::Sandbox& sandbox,
                           const proto::toolbox::ExitStatus& status);
// Puts the field "exitReason" where there is something to say, and "outputLost" where what it wrote
// is not all there. Cove's own: clients of the contract read exitCode.
void PutExitReason(json::Object& body, const control::Sandbox& sandbox,
                   const proto::toolbox::ExitStatus& status);
void PutExitReason(json::Object& body, const control::Sandbox& sandbox,
                   const proto::toolbox::CommandInfo& command);

}  // namespace cove::api
