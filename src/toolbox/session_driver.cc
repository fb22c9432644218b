#include "toolbox/session_driver.h"

#include "base/text.h"

namespace cove::toolbox {
namespace {

// `builtin` and the odd names: what a command defines (functions, IFS, set -u) must not reach us.
constexpr char kBash[] = R"(
while IFS= builtin read -r __cove_n <&198; do
  IFS= builtin read -r -d '' __cove_c <FOLDER/"c$__cove_n" || builtin true
  builtin eval "$__cove_c" <FOLDER/"i$__cove_n" >FOLDER/"o$__cove_n" 2>FOLDER/"e$__cove_n" \
    198<&- 199>&-
  builtin printf '%s %s\n' "$__cove_n" "$?" >&199
done)";

// Plain sh names descriptors by one digit only, and its substitution cuts newlines off the end.
constexpr char kSh[] = R"(
while IFS= read -r __cove_n <&8; do
  __cove_c=$(cat FOLDER/"c$__cove_n"; echo x)
  eval "${__cove_c%x}" <FOLDER/"i$__cove_n" >FOLDER/"o$__cove_n" 2>FOLDER/"e$__cove_n" 8<&- 9>&-
  printf '%s %s\n' "$__cove_n" "$?" >&9
done)";

std::string Fill(std::string text, const std::string& folder) {
  constexpr std::string_view kName = "FOLDER";
  for (size_t at = text.find(kName); at != std::string::npos; at = text.find(kName, at)) {
    text.replace(at, kName.size(), folder);
    at += folder.size();
  }
  return text;
}

}  // namespace

SessionDriver MakeSessionDriver(const std::string& shell, const std::string& folder) {
  const std::string quoted = ShellQuote(folder);
  if (shell.ends_with("bash")) return {Fill(kBash, quoted), 198, 199};
  return {Fill(kSh, quoted), 8, 9};
}

}  // namespace cove::toolbox
