#include "front/front.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdio>

#include "async/signals.h"
#include "front/config_file.h"
#include "front/confine.h"
#include "front/services.h"
#include "log/log.h"

namespace cove::front {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr seconds kDrainTime{5};

int Fail(int code, const Error& error) {
  log::Error("front.failed", {{"error", error.message()}});
  return code;
}

// pread: the descriptor is shared with the fronts before and after this one.
Result<std::string> ReadConfigText(int fd) {
  std::string text;
  char buffer[16 * 1024];
  for (;;) {
    const ssize_t n = ::pread(fd, buffer, sizeof buffer, static_cast<off_t>(text.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::FromErrno("read the configuration");
    if (n == 0) return text;
    text.append(buffer, static_cast<size_t>(n));
    if (text.size() > kConfigBytesMax) return text;
  }
}

Result<Config> LoadConfig(const Options& options) {
  if (options.config_fd < 0) return Config{};
  const UniqueFd fd(options.config_fd);
  ASSIGN_OR_RETURN(const std::string text, ReadConfigText(fd.get()));
  return ParseConfig(text, options.config_name.empty() ? "cove.toml" : options.config_name);
}

// Waits for a signal; false when the runner went away first, after which nothing is worth doing.
Task<void> NoteSignal(async::Signals& signals, async::Event* ending, bool* in_order) {
  co_await signals.Next();
  *in_order = true;
  ending->Set();
}

Task<void> NoteRunnerGone(Services& services, async::Event* ending) {
  co_await services.WaitRunnerGone();
  log::Error("front.runner_gone");
  ending->Set();
}

Task<void> AcceptAll(http::Server& server, net::Listener& listener, async::TaskGroup& connections,
                     async::Event* ending) {
  for (;;) {
    auto accepted = co_await listener.Accept();
    if (!accepted.ok()) {
      log::Error("front.listener_broken", {{"error", accepted.error().message()}});
      ending->Set();
      co_return;
    }
    const auto peer = net::PeerAddress(accepted->get());
    auto stream = std::make_unique<net::SocketStream>(std::move(*accepted));
    connections.Spawn(
        server.ServeConnection(std::move(stream), peer.ok() ? peer->ToString() : "unknown"));
  }
}

Task<int> Run(Services& services, async::Signals& signals) {
  auto listener_fd = co_await services.Start();
  if (!listener_fd) co_return Fail(kExitFailed, listener_fd.error());
  net::Listener listener(std::move(*listener_fd));
  http::Server server([&services](http::Exchange& exchange) { return services.Handle(exchange); });
  async::Event ending;
  bool in_order = false;
  async::TaskGroup connections;
  {
    async::TaskGroup watchers;
    watchers.Spawn(AcceptAll(server, listener, connections, &ending));
    watchers.Spawn(NoteSignal(signals, &ending, &in_order));
    watchers.Spawn(NoteRunnerGone(services, &ending));
    services.SendReady();
    log::Info("front.ready");
    co_await ending.Wait();
  }
  // From here new connections wait in the listener's queue for the next front.
  server.StopKeepAlive();
  const TimePoint deadline = Now() + kDrainTime;
  while (in_order && services.requests() > 0 && Now() < deadline) {
    co_await async::Sleep(milliseconds(20));
  }
  connections.Clear();
  if (in_order) co_await services.ClosePool();
  co_await services.End();
  log::Info("front.ended", {{"in_order", in_order}});
  co_return in_order ? 0 : kExitFailed;
}

}  // namespace

int FrontMain(const std::vector<std::string>& args) {
  ::prctl(PR_SET_NAME, "cove-front");  // it was started through /proc/self/exe
  log::Configure("front", log::Level::kInfo);
  auto options = ParseOptions(args);
  if (!options) return Fail(kExitUsage, options.error());
  if (options->print_reference) {
    std::fputs(ConfigReference().c_str(), stdout);
    return 0;
  }
  auto config = LoadConfig(*options);
  if (!config) return Fail(kExitUsage, config.error());
  log::Configure("front", options->log_level.value_or(config->log_level));
  if (options->borrowed_images) config->control.images = control::Settings::Images::kBorrowed;
  ::umask(0077);
  ::signal(SIGPIPE, SIG_IGN);
  // A name is resolved as it was judged: no search domain of the machine is put behind it (see
  // resolv.conf(5)).
  ::setenv("LOCALDOMAIN", "", 1);
  if (auto confined = Confine(); !confined) return Fail(kExitFailed, confined.error());

  async::Loop loop;
  async::Signals signals{SIGTERM, SIGINT};
  auto services = Services::Make(std::move(*options), std::move(*config));
  if (!services) return Fail(kExitFailed, services.error());
  return loop.RunUntil(Run(**services, signals));
}

}  // namespace cove::front
