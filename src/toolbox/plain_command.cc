#include "toolbox/plain_command.h"

#include <algorithm>
#include <array>

#include "toolbox/environment.h"

namespace cove::toolbox {
namespace {

// Characters that no shell reads anything into, wherever they stand (but = in the first word).
bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-./,:@%+=").find(c) != std::string_view::npos;
}

// Builtins and keywords of bash, dash and busybox's shell, but those below. Sorted.
constexpr std::array kShellWords = std::to_array<std::string_view>(
    {".",      ":",       "alias",    "bg",      "bind",      "break",    "builtin", "caller",
     "case",   "cd",      "chdir",    "command", "compgen",   "complete", "compopt", "continue",
     "coproc", "declare", "dirs",     "disown",  "do",        "done",     "elif",    "else",
     "enable", "esac",    "eval",     "exec",    "exit",      "export",   "fc",      "fg",
     "fi",     "for",     "function", "getopts", "hash",      "help",     "history", "if",
     "in",     "jobs",    "kill",     "let",     "local",     "logout",   "mapfile", "popd",
     "printf", "pushd",   "pwd",      "read",    "readarray", "readonly", "return",  "select",
     "set",    "shift",   "shopt",    "source",  "suspend",   "test",     "then",    "time",
     "times",  "trap",    "type",     "typeset", "ulimit",    "umask",    "unalias", "unset",
     "until",  "wait",    "while"});

static_assert(std::is_sorted(kShellWords.begin(), kShellWords.end()));

bool HasTwin(const std::string& word) {
  return word == "echo" || word == "true" || word == "false";
}

// Builtins of which the program of the same name does the same with such arguments.
bool SameAsProgram(const std::vector<std::string>& words) {
  if (words[0] == "true" || words[0] == "false") return words.size() == 1;
  // -n, -e, -E and, in the program, --help.
  return std::none_of(words.begin() + 1, words.end(),
                      [](const std::string& word) { return word.starts_with('-'); });
}

bool IsBuiltin(const std::vector<std::string>& words) {
  if (HasTwin(words[0])) return !SameAsProgram(words);
  return std::binary_search(kShellWords.begin(), kShellWords.end(), words[0]);
}

// Files to read first, functions, options; or what a shell would check before it passes it on.
bool NeedsShell(const std::string& variable) {
  constexpr std::string_view kStarts[] = {
      "BASH",    "SHELLOPTS=", "POSIXLY_CORRECT=", "PWD=",        "OLDPWD=", "SHLVL=",
      "LC_ALL=", "_=",         "SSH_CLIENT=",      "SSH2_CLIENT="};
  return std::any_of(std::begin(kStarts), std::end(kStarts),
                     [&variable](std::string_view start) { return variable.starts_with(start); });
}

}  // namespace

std::vector<std::string> PlacesOf(const std::string& word, const std::vector<std::string>& env) {
  if (HasTwin(word)) return {"/bin/" + word, "/usr/bin/" + word};
  return Candidates(word, env);
}

std::optional<std::vector<std::string>> PlainWords(std::string_view text,
                                                   const std::vector<std::string>& env) {
  std::vector<std::string> words;
  bool between = true;
  for (const char c : text) {
    if (c == ' ' || c == '\t') {
      between = true;
      continue;
    }
    if (!IsPlain(c)) return std::nullopt;
    if (between) words.emplace_back();
    between = false;
    words.back() += c;
  }
  if (words.empty() || words[0].starts_with('-') || words[0].find('=') != std::string::npos ||
      IsBuiltin(words) || std::any_of(env.begin(), env.end(), NeedsShell)) {
    return std::nullopt;
  }
  return words;
}

}  // namespace cove::toolbox
