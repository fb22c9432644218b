#include "box/world.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/text.h"

namespace cove::box {
namespace {

std::string Env(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::string() : std::string(value);
}

// sudo makes HOME root's; who asked has their files elsewhere.
std::string Home() {
  const auto uid = ParseInt<uid_t>(Env("SUDO_UID"));
  if (geteuid() == 0 && uid && *uid != 0) {
    const passwd* account = getpwuid(*uid);
    if (account != nullptr && account->pw_dir != nullptr) return account->pw_dir;
  }
  return Env("HOME");
}

}  // namespace

World ThisWorld() {
  World out;
  out.env = &Env;
  std::error_code error;
  out.cwd = std::filesystem::current_path(error).string();
  out.home = Home();
  out.interactive = isatty(STDIN_FILENO) == 1;
  return out;
}

}  // namespace cove::box
