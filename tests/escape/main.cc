// cove-escape: attempts to get out of a sandbox, run inside one. tests/e2e/escape.test.mjs drives
// it.
//
//   cove-escape run [NAME...]     one JSON line for each attempt: name, safe, verdict, detail
//   cove-escape hold RESOURCE     takes all of it; see exhaustion.cc
//   cove-escape hunt SECONDS      see toolbox.cc
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "attempt.h"

namespace cove::escape {
namespace {

constexpr unsigned kSecondsMax = 20;

std::vector<Attempt> Everything() {
  std::vector<Attempt> all;
  for (const auto group :
       {KernelAttempts(), SocketAttempts(), AbiAttempts(), NamespaceAttempts(), MountAttempts(),
        ProcAttempts(), ToolboxAttempts(), IdentityAttempts(), FileAttempts(), CgroupAttempts(),
        NetworkAttempts(), NeighbourAttempts(), ExhaustionAttempts()}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

const char* Name(Verdict verdict) {
  return verdict == Verdict::kHeld ? "held" : verdict == Verdict::kEscaped ? "escaped" : "broken";
}

// A process of its own for each: what it does to itself ends with it.
Outcome RunAlone(const Attempt& attempt) {
  int pipes[2];
  if (pipe(pipes) != 0) return {Verdict::kBroken, "pipe"};
  const pid_t pid = fork();
  if (pid < 0) return {Verdict::kBroken, "fork"};
  if (pid == 0) {
    close(pipes[0]);
    alarm(kSecondsMax);
    const Outcome outcome = attempt.run();
    const std::string text = Name(outcome.verdict)[0] + outcome.detail;
    (void)!write(pipes[1], text.data(), std::min<size_t>(text.size(), 4000));
    _exit(0);
  }
  close(pipes[1]);
  int status = 0;
  waitpid(pid, &status, 0);
  char text[4096] = {};
  pollfd ready{pipes[0], POLLIN, 0};
  const ssize_t n = poll(&ready, 1, 0) > 0 ? read(pipes[0], text, sizeof text) : 0;
  close(pipes[0]);
  if (WIFSIGNALED(status)) {
    return {Verdict::kBroken, std::string("killed by ") + strsignal(WTERMSIG(status))};
  }
  if (n < 1) return {Verdict::kBroken, "said nothing"};
  const Verdict verdict = text[0] == 'h'   ? Verdict::kHeld
                          : text[0] == 'e' ? Verdict::kEscaped
                                           : Verdict::kBroken;
  return {verdict, std::string(text + 1, static_cast<size_t>(n) - 1)};
}

int Run(std::span<char*> names) {
  for (const Attempt& attempt : Everything()) {
    bool wanted = names.empty();
    for (const char* name : names) wanted = wanted || std::strcmp(name, attempt.name) == 0;
    if (!wanted) continue;
    const Outcome outcome = RunAlone(attempt);
    std::printf("{\"name\":%s,\"safe\":%s,\"verdict\":\"%s\",\"detail\":%s}\n",
                Quoted(attempt.name).c_str(), Quoted(attempt.safe).c_str(), Name(outcome.verdict),
                Quoted(outcome.detail).c_str());
    std::fflush(stdout);
  }
  return 0;
}

int Main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "run") return Run({argv + 2, static_cast<size_t>(argc - 2)});
  if (verb == "hold" && argc == 3) return Hold(argv[2]);
  if (verb == "hunt" && argc == 3) return Hunt(std::atoi(argv[2]));
  std::fprintf(stderr, "usage: cove-escape run [NAME...] | hold RESOURCE | hunt SECONDS\n");
  return 2;
}

}  // namespace
}  // namespace cove::escape

int main(int argc, char** argv) { return cove::escape::Main(argc, argv); }
