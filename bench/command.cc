#include "command.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cove::bench {
namespace {

struct Running {
  pid_t pid = 0;
  int output = -1;
};

Running Start(const std::string& command) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) Die("pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
  std::vector<std::string> words;
  for (size_t i = 0; i < command.size();) {
    const size_t end = std::min(command.find(' ', i), command.size());
    if (end > i) words.push_back(command.substr(i, end - i));
    i = end + 1;
  }
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  Running out;
  out.output = fds[0];
  if (posix_spawnp(&out.pid, argv[0], &actions, nullptr, argv.data(), environ) != 0) Die(command);
  posix_spawn_file_actions_destroy(&actions);
  close(fds[1]);
  return out;
}

void Finish(const Running& running, const std::string& command) {
  char rest[4096];
  while (read(running.output, rest, sizeof rest) > 0) continue;
  close(running.output);
  int status = 0;
  waitpid(running.pid, &status, 0);
  if (status != 0) Die("it failed: " + command);
}

}  // namespace

double FirstByte(const std::string& command) {
  const auto start = Clock::now();
  const Running running = Start(command);
  char byte = 0;
  if (read(running.output, &byte, 1) != 1) Die("no output from: " + command);
  const double ms = MillisSince(start);
  Finish(running, command);
  return ms;
}

double WholeRun(const std::string& command) {
  const auto start = Clock::now();
  Finish(Start(command), command);
  return MillisSince(start);
}

std::vector<Contestant> Peers(const Options& options, double (*measure)(const std::string&)) {
  std::vector<Contestant> out;
  for (const auto& [name, command] : options.peers()) {
    out.push_back({name, [measure, command] { return measure(command); }});
  }
  return out;
}

}  // namespace cove::bench
