#include "box/hook.h"

namespace cove::box {

Result<std::optional<std::string>> FindHook(const Args& args, const World& world,
                                            const Tree& project, const Tree& environment,
                                            const Approvals& approvals) {
  const std::string path = environment.path() + "/" + kHookName;
  if (!args.init_script.empty()) {
    auto text = ReadHostFile(Absolute(args.init_script, world), project);
    if (!text) return Error(Code::kInvalid, "init script not found: " + args.init_script);
    RETURN_IF_ERROR(environment.Write(kHookName, *text, 0755));
    RETURN_IF_ERROR(approvals.Give(path, *text));
    return std::optional(*std::move(text));
  }
  const auto found = environment.Stat(kHookName);
  if (!found || (found->st_mode & S_IXUSR) == 0) return std::optional<std::string>();
  ASSIGN_OR_RETURN(std::string text, environment.Read(kHookName));
  RETURN_IF_ERROR(approvals.Need(path, text, {"run", "Proceed and run it in the sandbox?", {}}));
  return std::optional(std::move(text));
}

}  // namespace cove::box
