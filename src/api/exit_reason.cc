#include "api/exit_reason.h"

#include <fmt/format.h>

#include <cstring>

namespace cove::api {

using proto::toolbox::ExitReason;
using proto::toolbox::ExitStatus;

std::string ExitReasonText(const control::Sandbox& sandbox, const ExitStatus& status) {
  const double limit = sandbox.resources.memory_gib;
  switch (status.reason) {
    case ExitReason::kOom:
      return fmt::format(
          "out of memory (limit {:g} GiB): the kernel killed it; do less at once, or resize the "
          "sandbox",
          limit);
    case ExitReason::kTimeout:
      return "it was killed at its time limit";
    case ExitReason::kSpawnFailed:
      return "it could not be started: " + status.detail;
    case ExitReason::kSignaled: {
      const char* name = sigabbrev_np(status.signal);
      return fmt::format("ended by signal {} (SIG{})", status.signal, name ? name : "?");
    }
    case ExitReason::kExited:
      if (status.oom_kills == 0 || status.code == 0) return {};
      return fmt::format(
          "out of memory (limit {:g} GiB): the kernel killed {} of the sandbox's processes while "
          "it ran",
          limit, status.oom_kills);
  }
  return {};
}

void PutExitReason(json::Object& body, const control::Sandbox& sandbox, const ExitStatus& status) {
  if (std::string text = ExitReasonText(sandbox, status); !text.empty()) body["exitReason"] = text;
}

void PutExitReason(json::Object& body, const control::Sandbox& sandbox,
                   const proto::toolbox::CommandInfo& command) {
  if (!command.ended) return;
  ExitStatus status;
  status.reason = command.reason;
  status.code = command.exit_code;
  status.oom_kills = command.oom_kills;
  PutExitReason(body, sandbox, status);
}

}  // namespace cove::api
