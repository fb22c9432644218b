// The environment that commands start with: base, then the sandbox's (Configure), then the
// request's; later ones win.
#pragma once

#include <string>
#include <vector>

#include "proto/toolbox.h"
#include "toolbox/accounts.h"

namespace cove::toolbox {

// kInvalid unless every name is [A-Za-z_][A-Za-z0-9_]* and no value holds a NUL.
Result<void> CheckEnv(const proto::toolbox::EnvList& env);

// As execve wants it: "NAME=value".
std::vector<std::string> MakeEnv(const Account& account, const std::string& shell,
                                 const proto::toolbox::EnvList& sandbox,
                                 const proto::toolbox::EnvList& request, bool terminal);

// The paths at which `program` may be, in the order of the PATH in `env`.
std::vector<std::string> Candidates(const std::string& program,
                                    const std::vector<std::string>& env);

// The shell of commands: bash, or sh where there is none.
std::string FindShell();

}  // namespace cove::toolbox
