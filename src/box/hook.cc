#include "box/hook.h"

#include "box/pins.h"

namespace cove::box {
namespace {

Pinned Approved(const Tree& environment, const std::string& text) {
  return {environment.path(), environment.path() + "/" + kHookName, text, "run it in the sandbox"};
}

}  // namespace

Result<std::optional<std::string>> FindHook(const Args& args, const World& world,
                                            const Tree& project, const Tree& environment,
                                            const Tree& pins, const Consent& consent) {
  if (!args.init_script.empty()) {
    auto text = ReadHostFile(Absolute(args.init_script, world), project);
    if (!text) return Error(Code::kInvalid, "init script not found: " + args.init_script);
    RETURN_IF_ERROR(environment.Write(kHookName, *text, 0755));
    RETURN_IF_ERROR(Pin(pins, Approved(environment, *text)));
    return std::optional(*std::move(text));
  }
  const auto found = environment.Stat(kHookName);
  if (!found || (found->st_mode & S_IXUSR) == 0) return std::optional<std::string>();
  ASSIGN_OR_RETURN(std::string text, environment.Read(kHookName));
  RETURN_IF_ERROR(AskUnlessPinned(pins, Approved(environment, text), consent));
  return std::optional(std::move(text));
}

}  // namespace cove::box
