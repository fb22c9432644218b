// pty: from the key sent over a WebSocket to its echo, in a terminal that runs `cat`.
#include <fcntl.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "api.h"

namespace cove::bench {
namespace {

// A terminal on the host, without Cove: what the kernel's own part is.
class HostTerminal {
 public:
  HostTerminal() {
    pid_ = forkpty(&master_, nullptr, nullptr, nullptr);
    if (pid_ < 0) Die("forkpty");
    if (pid_ == 0) {
      execlp("cat", "cat", nullptr);
      _exit(127);
    }
  }
  ~HostTerminal() {
    close(master_);
    waitpid(pid_, nullptr, 0);
  }
  HostTerminal(const HostTerminal&) = delete;

  double Echo() {
    const auto start = Clock::now();
    char key = 'k';
    if (write(master_, &key, 1) != 1 || read(master_, &key, 1) != 1) Die("the host's terminal");
    return MillisSince(start);
  }

 private:
  int master_ = -1;
  pid_t pid_ = -1;
};

}  // namespace

void Pty(const Options& options) {
  Api control(options);
  const std::string id = control.Create();
  std::vector<Contestant> all;
  {
    Api terminal(options);
    terminal.OpenWebSocket("/toolbox/" + id + "/process/pty/create-connect?id=bench");
    // The shell's prompt and its own echo come first; what is typed holds no "ready" as such.
    terminal.SendBinary("stty echo; echo rea''dy; exec cat\n");
    std::string seen;
    while (seen.find("ready\r\n") == std::string::npos) seen += terminal.ReceiveFrame();
    HostTerminal host;
    char key = 'a';
    all.push_back({"Cove, over WebSocket", [&] {
                     key = key == 'z' ? 'a' : static_cast<char>(key + 1);
                     const std::string typed(1, key);
                     const auto start = Clock::now();
                     terminal.SendBinary(typed);
                     if (terminal.ReceiveFrame() != typed) Die("the echo is not what was typed");
                     return MillisSince(start);
                   }});
    all.push_back({"a terminal on the host", [&] { return host.Echo(); }});
    constexpr int kWarmUp = 10;
    RunInTurn(all, options, 500, kWarmUp);
  }
  PrintTable(all, "ms");
  control.Delete(id);
}

}  // namespace cove::bench
