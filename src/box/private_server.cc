#include "box/private_server.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "async/fd_watch.h"
#include "base/text.h"
#include "sys/argv.h"
#include "sys/process.h"

namespace cove::box {
namespace {

constexpr seconds kReadyFor{60};
constexpr seconds kEndFor{60};
constexpr size_t kLogLines = 5;

std::vector<std::string> EnvironmentWith(
    const std::vector<std::pair<std::string, std::string>>& changes) {
  std::map<std::string, std::string> env;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string::npos) env[text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const auto& [name, value] : changes) {
    if (value.empty()) {
      env.erase(name);
    } else {
      env[name] = value;
    }
  }
  std::vector<std::string> out;
  for (const auto& [name, value] : env) out.push_back(name + "=" + value);
  return out;
}

// In a mount namespace of its own, which the machine's mounts still reach.
bool MountOver(const char* file, const char* place) {
  return unshare(CLONE_NEWNS) == 0 &&
         mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0 &&
         mount(file, place, nullptr, MS_BIND, nullptr) == 0;
}

struct Ends {
  int input;
  int output;
  int log;
};

// Between fork and exec: async-signal-safe calls only.
[[noreturn]] void Become(const Ends& ends, const ServerOptions& options, char* const* argv,
                         char* const* env) {
  setsid();  // a Ctrl-C at the terminal is Codex's
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  dup2(ends.input, STDIN_FILENO);
  dup2(ends.output, STDOUT_FILENO);
  dup2(ends.log, STDERR_FILENO);
  for (const int fd : options.kept) fcntl(fd, F_SETFD, 0);
  if (!options.resolv_conf.empty() && !MountOver(options.resolv_conf.c_str(), "/etc/resolv.conf")) {
    constexpr char kText[] = "RESOLV_CONF_FILE cannot be mounted over /etc/resolv.conf\n";
    (void)!write(STDERR_FILENO, kText, sizeof kText - 1);
    _exit(127);
  }
  execve("/proc/self/exe", argv, env);
  _exit(127);
}

}  // namespace

PrivateServer::PrivateServer(PrivateServer&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      pidfd_(std::move(other.pidfd_)),
      output_(std::move(other.output_)),
      leash_(std::move(other.leash_)),
      log_(std::move(other.log_)),
      url_(std::move(other.url_)),
      address_(std::move(other.address_)),
      key_(std::move(other.key_)) {}

PrivateServer::~PrivateServer() {
  if (pid_ == 0) return;
  kill(pid_, SIGTERM);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Task<Result<PrivateServer>> PrivateServer::Start(ServerOptions options) {
  PrivateServer server;
  server.key_ = RandomHex(24);
  server.log_ = options.log;
  options.env.emplace_back("COVE_ADMIN_KEY", server.key_);
  std::vector<std::string> words = {"cove",       "serve",    "--listen", "127.0.0.1:0", "--data",
                                    options.data, "--shells", "1",        "--ephemeral"};
  if (!options.config.empty()) words.insert(words.end(), {"--config", options.config});
  words.insert(words.end(), options.args.begin(), options.args.end());
  std::vector<std::string> env = EnvironmentWith(options.env);
  const auto argv = sys::Pointers(words);
  const auto envp = sys::Pointers(env);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) co_return Error::FromErrno("pipe");
  server.output_.Reset(ends[0]);
  UniqueFd theirs(ends[1]);
  const UniqueFd log(
      open(options.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!log) co_return Error::FromErrno("open " + options.log);
  int leash[2];
  if (pipe2(leash, O_CLOEXEC) != 0) co_return Error::FromErrno("pipe");
  const UniqueFd input(leash[0]);
  server.leash_.Reset(leash[1]);
  const pid_t pid = fork();
  if (pid == 0) {
    Become({input.get(), theirs.get(), log.get()}, options, argv.data(), envp.data());
  }
  if (pid < 0) co_return Error::FromErrno("start a server");
  server.pid_ = pid;
  theirs.Reset();  // its end is the server's end
  CO_ASSIGN_OR_RETURN(server.pidfd_, sys::PidfdOpen(pid));
  CO_RETURN_IF_ERROR(co_await server.AwaitReady());
  co_return std::move(server);
}

Task<Result<void>> PrivateServer::AwaitReady() {
  const TimePoint until = Now() + kReadyFor;
  fcntl(output_.get(), F_SETFL, O_NONBLOCK);
  async::FdWatch watch(output_.get());
  std::string text;
  for (;;) {
    char buffer[512];
    const ssize_t n = read(output_.get(), buffer, sizeof buffer);
    if (n > 0) text.append(buffer, static_cast<size_t>(n));
    constexpr std::string_view kReady = "ready ";
    const size_t end = text.find('\n');
    if (end != std::string::npos && text.starts_with(kReady)) {
      url_ = text.substr(kReady.size(), end - kReady.size());
      CO_ASSIGN_OR_RETURN(address_, http::Url::Parse(url_));
      co_return Ok();
    }
    if (n > 0 || (n < 0 && errno == EINTR)) continue;
    if (n == 0) co_return Failed("the server ended before it served");
    if (!co_await watch.Readable(until)) co_return Failed("the server does not get ready");
  }
}

Error PrivateServer::Failed(const std::string& what) const {
  std::ifstream in(log_);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
    if (lines.size() > kLogLines) lines.erase(lines.begin());
  }
  return {Code::kUnavailable, what + ":\n" + Join(lines, "\n")};
}

Task<Result<void>> PrivateServer::Stop() {
  if (pid_ == 0) co_return Ok();
  kill(pid_, SIGTERM);
  async::FdWatch watch(pidfd_.get());
  const TimePoint until = Now() + kEndFor;
  int status = 0;
  pid_t reaped = 0;
  while ((reaped = waitpid(pid_, &status, WNOHANG)) == 0) {
    if (!co_await watch.Readable(until)) co_return Failed("the server does not end");
  }
  pid_ = 0;
  if (reaped < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    co_return Failed("the server did not end well");
  }
  co_return Ok();
}

}  // namespace cove::box
