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
          "out of memory (limit {:g} GiB): it ended as by SIGKILL while the kernel killed {} of "
          "the "
          "sandbox's processes for want of memory; do less at once, or resize the sandbox",
          limit, status.oom_kills);
    case ExitReason::kTimeout:
      return "it was killed at its time limit";
    case ExitReason::kSpawnFailed:
      return "it could not be started: " + status.detail;
    case ExitReason::kSignaled: {
      const char* name = sigabbrev_np(status.signal);
      return fmt::format("ended by signal {} (SIG{})", status.signal, name ? name : "?");
    }
    case ExitReason::kOutputLost:
      return "some of its output could not be kept: the sandbox's disk is full";
    case ExitReason::kExited:
      if (status.oom_kills == 0 || status.code == 0) return {};
      return fmt::format(
          "while it ran the kernel killed {} of the sandbox's processes for want of memory (limit "
          "{:g} GiB), perhaps none of its own",
          status.oom_kills, limit);
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
  status.detail = "its log says why";
  PutExitReason(body, sandbox, status);
}

}  // namespace cove::api
