#include "toolbox/environment.h"

#include <unistd.h>

#include <algorithm>

#include "base/text.h"

namespace cove::toolbox {
namespace {

using proto::toolbox::EnvList;

bool IsName(const std::string& name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto rest = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  return !name.empty() && letter(name[0]) && std::all_of(name.begin(), name.end(), rest);
}

bool Has(const EnvList& all, const std::string& name) {
  return std::any_of(all.begin(), all.end(),
                     [&name](const auto& entry) { return entry.first == name; });
}

void Put(EnvList* all, const EnvList& more) {
  for (const auto& [name, value] : more) {
    const auto same = [&name](const auto& entry) { return entry.first == name; };
    const auto it = std::find_if(all->begin(), all->end(), same);
    if (it != all->end()) {
      it->second = value;
    } else {
      all->emplace_back(name, value);
    }
  }
}

}  // namespace

Result<void> CheckEnv(const EnvList& env) {
  for (const auto& [name, value] : env) {
    if (!IsName(name)) {
      return Error(Code::kInvalid, "\"" + name +
                                       "\" is no name for an environment variable: use letters, "
                                       "digits and _, and no digit first");
    }
    if (value.find('\0') != std::string::npos) {
      return Error(Code::kInvalid, "the value of " + name + " holds a NUL byte");
    }
  }
  return Ok();
}

std::vector<std::string> MakeEnv(const Account& account, const std::string& shell,
                                 const EnvList& sandbox, const EnvList& request, bool terminal) {
  EnvList all = {
      {"PATH", account.home + "/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                              "/sbin:/bin"},
      {"HOME", account.home},
      {"USER", account.name},
      {"LOGNAME", account.name},
      {"SHELL", shell},
  };
  if (terminal) all.emplace_back("TERM", "xterm-256color");
  Put(&all, sandbox);
  Put(&all, request);
  // UTF-8, and else the C locale that is in every program. LANG=C.UTF-8 means the same and makes
  // each program open 26 files for it.
  const bool chosen = Has(all, "LANG") || Has(all, "LC_ALL") || Has(all, "LC_CTYPE");
  if (!chosen) all.emplace_back("LC_CTYPE", "C.UTF-8");
  std::vector<std::string> out;
  out.reserve(all.size());
  for (const auto& [name, value] : all) out.push_back(name + "=" + value);
  return out;
}

std::vector<std::string> Candidates(const std::string& program,
                                    const std::vector<std::string>& env) {
  if (program.find('/') != std::string::npos) return {program};
  std::vector<std::string> out;
  for (const std::string& entry : env) {
    if (!entry.starts_with("PATH=")) continue;
    for (const std::string_view folder : Split(std::string_view(entry).substr(5), ':')) {
      out.push_back((folder.empty() ? std::string(".") : std::string(folder)) + "/" + program);
    }
  }
  return out;
}

std::string FindShell() {
  for (const char* path : {"/bin/bash", "/usr/bin/bash"}) {
    if (access(path, X_OK) == 0) return path;
  }
  return "/bin/sh";
}

}  // namespace cove::toolbox
