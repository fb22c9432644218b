#include "box/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <optional>

#include "async/task_group.h"

namespace cove::box {
namespace {

namespace tb = proto::toolbox;

constexpr size_t kPiece = 64 * 1024;

// The terminal passes every key on while this lives.
class RawTerminal {
 public:
  RawTerminal() {
    if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios raw = before_;
    cfmakeraw(&raw);
    changed_ = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
  }
  ~RawTerminal() {
    if (changed_) tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

tb::WindowSize Window() {
  winsize size{};
  tb::WindowSize out;
  if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
    out.cols = size.ws_col;
    out.rows = size.ws_row;
  }
  return out;
}

void WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      pollfd room{fd, POLLOUT, 0};
      poll(&room, 1, -1);
      continue;
    }
    if (n <= 0) return;  // nobody reads any more; the command goes on
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

// Standard input is shared with other programs, so it is not made non-blocking: asked first. A
// plain file can always be read, and epoll takes none.
Task<void> Feed(tb::ExecStream* stream) {
  struct stat st{};
  const bool file = fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode);
  std::optional<async::FdWatch> watch;
  if (!file) watch.emplace(STDIN_FILENO);
  std::string buffer(kPiece, '\0');
  for (;;) {
    pollfd ready{STDIN_FILENO, POLLIN, 0};
    while (watch && poll(&ready, 1, 0) <= 0) co_await watch->Readable();
    const ssize_t n = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    if (!co_await stream->WriteStdin(std::string_view(buffer.data(), static_cast<size_t>(n)))) {
      co_return;
    }
  }
  (void)co_await stream->CloseStdin();
}

struct Running {
  tb::ExecStream* stream = nullptr;
  async::Event ended;
  Result<int> code{0};
};

Task<void> Show(Running* running) {
  for (;;) {
    auto event = co_await running->stream->Next();
    if (!event) {
      running->code = std::move(event).error().Wrap("the sandbox went away");
      break;
    }
    if (event->kind == tb::ExecEvent::Kind::kStdout) WriteAll(STDOUT_FILENO, event->data);
    if (event->kind == tb::ExecEvent::Kind::kStderr) WriteAll(STDERR_FILENO, event->data);
    if (event->kind != tb::ExecEvent::Kind::kExited) continue;
    if (event->status.reason == tb::ExitReason::kSpawnFailed) {
      running->code = Error(Code::kInternal, event->status.detail);
    } else {
      running->code = event->status.code;
    }
    if (event->status.oom_kills > 0) {
      running->code = event->status.code;
      WriteAll(STDERR_FILENO, "cove: the sandbox ran out of memory; see docs/box.md, limits\n");
    }
    break;
  }
  running->ended.Set();
}

Task<void> PassSignals(async::Signals* signals, Running* running) {
  for (bool asked = false;;) {
    const int signal = co_await signals->Next();
    if (signal == SIGWINCH) {
      (void)co_await running->stream->Resize(Window());
      continue;
    }
    if (asked) break;
    asked = true;
    (void)co_await running->stream->Signal(signal == SIGHUP ? SIGTERM : signal);
  }
  running->code = kInterrupted;
  running->ended.Set();
}

}  // namespace

Task<Result<int>> RunHere(tb::ToolboxClient& toolbox, tb::ExecRequest request, Input input,
                          async::Signals& signals) {
  std::optional<RawTerminal> raw;
  request.stdin_open = input != Input::kNothing;
  if (input == Input::kTerminal) {
    request.pty = true;
    request.window = Window();
    raw.emplace();
  }
  CO_ASSIGN_OR_RETURN(const auto stream, co_await toolbox.Exec(std::move(request)));
  Running running;
  running.stream = stream.get();
  {
    async::TaskGroup group;
    group.Spawn(Show(&running));
    group.Spawn(PassSignals(&signals, &running));
    if (input != Input::kNothing) group.Spawn(Feed(stream.get()));
    co_await running.ended.Wait();
  }
  co_return std::move(running.code);
}

}  // namespace cove::box
