#include "box/npm.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "box/places.h"
#include "sys/argv.h"

namespace cove::box {
namespace {

constexpr size_t kAnswerBytesMax = 4096;
constexpr const char* kPassedOn[] = {"HTTP_PROXY",
                                     "HTTPS_PROXY",
                                     "NO_PROXY",
                                     "http_proxy",
                                     "https_proxy",
                                     "no_proxy",
                                     "LANG",
                                     "SSL_CERT_FILE",
                                     "NODE_EXTRA_CA_CERTS",
                                     "NPM_CONFIG_REGISTRY",
                                     "npm_config_registry"};

bool IsOutside(const std::string& path, const Tree& project) {
  const auto resolved = Resolve(path);
  return path.starts_with('/') && resolved && !IsWithin(*resolved, project.path());
}

struct Programs {
  std::string npm;   // empty: there is none
  std::string path;  // the directories of PATH that the project has no part in
};

Programs FindPrograms(const World& world, const Tree& project) {
  Programs out;
  const std::string searched = world.env("PATH");
  for (const std::string_view part : Split(searched, ':')) {
    const std::string dir(part);
    if (!IsOutside(dir, project)) continue;
    out.path += (out.path.empty() ? "" : ":") + dir;
    const std::string npm = dir + "/npm";
    if (out.npm.empty() && IsOutside(npm, project) && access(npm.c_str(), X_OK) == 0) {
      out.npm = npm;
    }
  }
  return out;
}

std::vector<std::string> Environment(const World& world, const Tree& project,
                                     const std::string& path, const std::string& home) {
  const bool own = !world.home.empty() && IsOutside(world.home, project);
  std::vector<std::string> out = {"PATH=" + path, "HOME=" + (own ? world.home : home),
                                  "npm_config_cache=" + home, "npm_config_update_notifier=false"};
  for (const char* name : kPassedOn) {
    const std::string value = world.env(name);
    if (!value.empty()) out.push_back(std::string(name) + "=" + value);
  }
  return out;
}

Result<pid_t> Spawn(std::vector<std::string> words, std::vector<std::string> environment,
                    int output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addchdir_np(&actions, "/");
  // SIGPIPE is ours to ignore, not npm's.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t standard;
  sigemptyset(&standard);
  sigaddset(&standard, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &standard);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, words[0].c_str(), &actions, &attributes,
                                sys::Pointers(words).data(), sys::Pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  errno = error;
  if (error != 0) return Error::FromErrno("run " + words[0]);
  return pid;
}

// What it wrote, if it ended well; nothing more of it is left.
Result<std::string> OutputOf(std::vector<std::string> words, std::vector<std::string> env) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error::FromErrno("pipe");
  const UniqueFd from(ends[0]);
  UniqueFd to(ends[1]);
  ASSIGN_OR_RETURN(const pid_t pid, Spawn(std::move(words), std::move(env), to.get()));
  to.Reset();
  std::string text;
  char buffer[512];
  for (;;) {
    const ssize_t n = read(from.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    if (text.size() < kAnswerBytesMax) text.append(buffer, static_cast<size_t>(n));
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) return Error(Code::kUnavailable, "it failed");
  return text;
}

}  // namespace

Result<std::string> LatestCodexVersion(const World& world, const Tree& project,
                                       const std::string& home) {
  const Programs programs = FindPrograms(world, project);
  if (programs.npm.empty()) {
    return Error(Code::kUnavailable,
                 "npm is required to find the latest Codex version; set CODEX_VERSION.");
  }
  const auto text = OutputOf({programs.npm, "view", "@openai/codex", "version"},
                             Environment(world, project, programs.path, home));
  if (!text) {
    return Error(Code::kUnavailable,
                 "npm could not tell the latest Codex version; set CODEX_VERSION.");
  }
  if (Trim(*text).empty()) {
    return Error(Code::kUnavailable, "npm named no latest Codex version; set CODEX_VERSION.");
  }
  return std::string(Trim(*text));
}

}  // namespace cove::box
