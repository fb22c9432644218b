#include "box/hook.h"

#include "base/text.h"
#include "image/sha256.h"

namespace cove::box {
namespace {

std::string HashOf(std::string_view text) {
  image::Sha256 hash;
  hash.Update(text);
  return hash.Hex();
}

Result<void> Pin(const Tree& pins, const Tree& environment, const std::string& text) {
  return pins.Write(HashOf(environment.path()), HashOf(text) + "\n", 0600);
}

}  // namespace

Result<std::optional<std::string>> FindHook(const Args& args, const World& world,
                                            const Tree& project, const Tree& environment,
                                            const Tree& pins, const Consent& consent) {
  if (!args.init_script.empty()) {
    auto text = ReadHostFile(Absolute(args.init_script, world), project);
    if (!text) return Error(Code::kInvalid, "init script not found: " + args.init_script);
    RETURN_IF_ERROR(environment.Write(kHookName, *text, 0755));
    RETURN_IF_ERROR(Pin(pins, environment, *text));
    return std::optional(*std::move(text));
  }
  const auto found = environment.Stat(kHookName);
  if (!found || (found->st_mode & S_IXUSR) == 0) return std::optional<std::string>();
  ASSIGN_OR_RETURN(std::string text, environment.Read(kHookName));
  const auto pinned = pins.Read(HashOf(environment.path()));
  if (!pinned || Trim(*pinned) != HashOf(text)) {
    const std::string path = environment.path() + "/" + kHookName;
    const char* what = pinned ? "has changed since it was approved" : "was never approved";
    RETURN_IF_ERROR(consent.Ask(
        path + " " + what + "; the agent can write there (SHA-256 " + HashOf(text) + ").",
        "Proceed and run it in the sandbox?", "run " + path + ", which " + what));
    RETURN_IF_ERROR(Pin(pins, environment, text));
  }
  return std::optional(std::move(text));
}

}  // namespace cove::box
