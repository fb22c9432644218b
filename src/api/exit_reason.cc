#include "api/exit_reason.h"

#include <fmt/format.h>

#include <cstring>

namespace cove::api {

using proto::toolbox::ExitReason;
using proto::toolbox::ExitStatus;

namespace {

std::string OomText(double limit, const ExitStatus& status) {
  constexpr std::string_view kAdvice = "do less at once, or resize the sandbox";
  if (status.oom_own > 0) {
    return fmt::format("out of memory (limit {:g} GiB): the kernel killed its {}; {}", limit,
                       status.oom_names, kAdvice);
  }
  return fmt::format(
      "out of memory (limit {:g} GiB): it ended as by SIGKILL while the kernel killed {} of the "
      "sandbox's processes for want of memory; {}",
      limit, status.oom_unseen, kAdvice);
}

std::string HostOomText(double limit) {
  return fmt::format(
      "out of memory (limit {:g} GiB): programs and what the kernel held for their files and "
      "sockets were more, so every command was killed; open fewer at once, or resize the sandbox",
      limit);
}

}  // namespace

std::string ExitReasonText(const control::Sandbox& sandbox, const ExitStatus& status) {
  const double limit = sandbox.resources.memory_gib;
  switch (status.reason) {
    case ExitReason::kOom:
      return OomText(limit, status);
    case ExitReason::kHostOom:
      return HostOomText(limit);
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
      if (status.oom_unseen == 0) return {};
      return fmt::format(
          "while it ran the kernel killed {} of the sandbox's processes for want of memory (limit "
          "{:g} GiB), perhaps of its own",
          status.oom_unseen, limit);
  }
  return {};
}

void PutExitReason(json::Object& body, const control::Sandbox& sandbox, const ExitStatus& status) {
  if (std::string text = ExitReasonText(sandbox, status); !text.empty()) body["exitReason"] = text;
  if (status.reason == ExitReason::kOutputLost) body["outputLost"] = true;
}

void PutExitReason(json::Object& body, const control::Sandbox& sandbox,
                   const proto::toolbox::CommandInfo& command) {
  if (!command.ended) return;
  ExitStatus status;
  status.reason = command.reason;
  status.code = command.exit_code;
  status.oom_kills = command.oom_kills;
  status.oom_own = command.oom_own;
  status.oom_unseen = command.oom_unseen;
  status.oom_names = command.oom_names;
  status.detail = "its log says why";
  PutExitReason(body, sandbox, status);
}

}  // namespace cove::api
