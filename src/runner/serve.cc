#include "runner/serve.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "async/signals.h"
#include "image/job.h"
#include "image/sha256.h"
#include "log/log.h"
#include "runner/announce.h"
#include "runner/boxes.h"
#include "runner/front_env.h"
#include "runner/front_process.h"
#include "runner/idmap_check.h"
#include "runner/options.h"
#include "runner/requests.h"
#include "runner/self_report.h"
#include "sys/cgroup.h"

namespace cove::runner {
namespace {

constexpr seconds kDrainWait{10};
constexpr seconds kDeleteWait{60};
constexpr seconds kHurriedWait{5};

// Six descriptors a box: as many as the machine lets us have.
void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::string ToolboxPath() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / "cove-toolbox").string();
}

// Servers on different data directories do not see each other's cgroups.
std::string CgroupParent(const std::string& data) {
  if (data == Options().data) return "cove";
  image::Sha256 hash;
  hash.Update(data);
  return "cove-" + hash.Hex().substr(0, 12);
}

// The parent stays while boxes run in it; a server that leaves none behind leaves no cgroup.
void RemoveEmptyCgroups(const std::string& data) {
  auto tree = sys::CgroupTree::Open(CgroupParent(data));
  const auto removed = tree ? tree->RemoveParent() : Result<void>(tree.error());
  if (!removed) log::Debug("cgroups.stay", {{"why", removed.error().message()}});
}

std::vector<std::string> Environment() {
  std::vector<std::string> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
    out.emplace_back(*entry);
  return out;
}

Result<UniqueFd> OpenConfig(const std::string& path) {
  if (path.empty()) return UniqueFd();
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return Error::FromErrno("open --config " + path);
  return fd;
}

// The wiring of the runner; what it owns is destroyed in the reverse order.
class Server {
 public:
  static Result<std::unique_ptr<Server>> Make(const Options& options);
  Task<Result<void>> Run();
  // Asked to end: once in good order, twice at once.
  void OnSignal();
  void OnInputEnd();

 private:
  void BeginEnd();
  Task<void> Finish();
  Server(const Options& options, DataDir data, std::unique_ptr<Disk> disk, UidRanges uids,
         std::unique_ptr<sandbox::NamespaceDriver> driver, UniqueFd listener, UniqueFd config,
         Shares shares);
  FrontProcess::Settings FrontSettings(const Options& options);
  void OnReady();
  Result<std::vector<Finding>> Findings() const;

  DataDir data_;
  std::unique_ptr<Disk> disk_;
  UidRanges uids_;
  std::unique_ptr<sandbox::NamespaceDriver> driver_;
  UniqueFd listener_;
  UniqueFd config_;
  const bool ephemeral_;
  bool announced_ = false;
  bool stopping_ = false;
  bool hurried_ = false;
  async::Event over_;  // what is left to do is done, or is not waited for
  Jobs jobs_;
  Boxes boxes_;
  Requests requests_;
  FrontProcess front_;
};

// The front of a server that was killed has this socket until it is at its end, too: soon.
Result<UniqueFd> ListenOnceFree(const net::SocketAddress& address) {
  constexpr seconds kSoon{5};
  constexpr milliseconds kStep{10};
  const TimePoint end = Now() + kSoon;
  for (;;) {
    auto listener = net::ListenTcp(address);
    const bool taken = !listener && listener.error().sys_errno() == EADDRINUSE;
    if (!taken || Now() >= end) return listener;
    std::this_thread::sleep_for(kStep);
  }
}

Result<std::unique_ptr<Server>> Server::Make(const Options& options) {
  if (geteuid() != 0) {
    return Error(Code::kDenied, "`cove serve` must run as root: it makes namespaces and cgroups");
  }
  ASSIGN_OR_RETURN(UniqueFd config, OpenConfig(options.config));
  ASSIGN_OR_RETURN(DataDir data, DataDir::Open(options.data));
  RETURN_IF_ERROR(EnterMountNamespace(data.runner_path(), options.images));
  RETURN_IF_ERROR(data.OpenDirs());
  ASSIGN_OR_RETURN(Shares shares, Shares::Open(options.shares, data.path()));
  RETURN_IF_ERROR(CheckIdmap(data.runner_path()));
  ASSIGN_OR_RETURN(auto disk, OpenDisk(data.runner_path()));
  ASSIGN_OR_RETURN(const DiskFacts facts, disk->Facts());
  log::Info("disk.scheme", {{"scheme", facts.scheme},
                            {"mib", facts.bytes >> 20},
                            {"host_free_mib", facts.host_available_bytes >> 20},
                            {"reserve_mib", facts.host_reserve_bytes >> 20}});
  ASSIGN_OR_RETURN(UidRanges uids, UidRanges::Open(kUidRegistry, data.runner_path()));
  sandbox::DriverOptions driver_options;
  driver_options.toolbox_path = ToolboxPath();
  driver_options.shells = options.shells;
  driver_options.cgroup_parent = CgroupParent(data.path());
  ASSIGN_OR_RETURN(auto driver, sandbox::NamespaceDriver::Make(driver_options));
  auto listener = ListenOnceFree(options.listen);
  if (!listener) return std::move(listener).error().Wrap("--listen " + options.listen_text);
  return std::unique_ptr<Server>(
      new Server(options, std::move(data), std::move(disk), std::move(uids), std::move(driver),
                 *std::move(listener), std::move(config), std::move(shares)));
}

Server::Server(const Options& options, DataDir data, std::unique_ptr<Disk> disk, UidRanges uids,
               std::unique_ptr<sandbox::NamespaceDriver> driver, UniqueFd listener, UniqueFd config,
               Shares shares)
    : data_(std::move(data)),
      disk_(std::move(disk)),
      uids_(std::move(uids)),
      driver_(std::move(driver)),
      listener_(std::move(listener)),
      config_(std::move(config)),
      ephemeral_(options.ephemeral),
      jobs_(data_),
      boxes_(
          {*driver_, data_, jobs_, *disk_, uids_,
           [this](const proto::runner::BoxExited& event) {
             front_.SendEvent(proto::runner::Type::kBoxExited, event);
           },
           [this](const proto::runner::BoxOom& event) {
             front_.SendEvent(proto::runner::Type::kBoxOom, event);
           },
           [this](const proto::Room& room) { front_.SendEvent(proto::runner::Type::kRoom, room); },
           std::move(shares),
           options.images.empty() ? Boxes::Deps::Images::kOwn : Boxes::Deps::Images::kBorrowed}),
      requests_(boxes_, jobs_, data_),
      front_(FrontSettings(options)) {}

FrontProcess::Settings Server::FrontSettings(const Options& options) {
  FrontProcess::Settings out;
  out.args = {"front", "--data", options.data};
  if (config_) {
    out.args.insert(out.args.end(), {"--config-fd", "4", "--config-name", options.config});
  }
  if (!options.images.empty()) out.args.emplace_back("--borrowed-images");
  if (options.ephemeral) out.args.emplace_back("--ephemeral");
  if (!options.log_level.empty()) {
    out.args.insert(out.args.end(), {"--log-level", options.log_level});
  }
  out.env = FrontEnvironment(Environment(), options.store);
  out.listener = listener_.get();
  out.config_fd = config_.get();
  out.uid = kFrontUid;
  out.on_frame = [this](std::shared_ptr<FrontLink> link, proto::Frame frame) {
    return requests_.Handle(std::move(link), std::move(frame));
  };
  out.on_ready = [this] { OnReady(); };
  return out;
}

void Server::OnReady() {
  if (std::exchange(announced_, true)) return;
  if (const auto address = net::LocalAddress(listener_.get())) AnnounceReady(BaseUrl(*address));
}

Task<Result<void>> Server::Run() {
  CO_RETURN_IF_ERROR(co_await boxes_.Recover());
  CO_ASSIGN_OR_RETURN(UniqueFd doctors, ListenForDoctor(data_.runner_path()));
  async::TaskGroup watch;
  watch.Spawn(boxes_.WatchRoom());
  watch.Spawn(boxes_.WatchSockets());
  watch.Spawn(boxes_.WatchUnaccepted());
  watch.Spawn(AnswerDoctors(std::move(doctors), [this] { return Findings(); }));
  auto ended = co_await front_.Run();
  async::TaskGroup work;
  if (!hurried_) work.Spawn(Finish());
  co_await over_.Wait();
  work.Clear();
  if (hurried_) {
    requests_.Cancel();
    const TimePoint deadline = Now() + kHurriedWait;
    if (ephemeral_) {
      co_await boxes_.DeleteAll(deadline);
      co_await boxes_.DrainLeaving(deadline);
    }
  }
  if (boxes_.List().empty()) uids_.Release();
  co_return ended;
}

// What the front asked for last is finished, so that the next server finds nothing half done; but
// not for ever, and what is not holds no box back.
Task<void> Server::Finish() {
  co_await requests_.Drain(Now() + kDrainWait);
  requests_.Cancel();
  if (ephemeral_) co_await boxes_.DeleteAll(Now() + kDeleteWait);
  const TimePoint deadline = Now() + kDrainWait;
  co_await boxes_.DrainLeaving(deadline);
  co_await jobs_.DrainTrash(deadline);
  over_.Set();
}

Result<std::vector<Finding>> Server::Findings() const {
  ASSIGN_OR_RETURN(const DiskFacts disk, disk_->Facts());
  ASSIGN_OR_RETURN(const proto::Room room, boxes_.RoomNow());
  return ExamineSelf(data_.path(), disk, room, boxes_.List().size());
}

void Server::OnSignal() {
  if (!stopping_) return BeginEnd();
  hurried_ = true;
  front_.Kill();
  over_.Set();
}

// It also ends when who has asked for the end already goes away: that is no second asking.
void Server::OnInputEnd() {
  if (!stopping_) BeginEnd();
}

void Server::BeginEnd() {
  stopping_ = true;
  NotifySystemd("STOPPING=1");
  log::Info("serve.draining");
  front_.Stop();
}

Task<void> WatchSignals(async::Signals* signals, Server* server) {
  for (;;) {
    co_await signals->Next();
    server->OnSignal();
  }
}

// Whoever started a server that is to leave nothing holds the other end of its standard input. (A
// signal at a parent's death would be lost: PR_SET_PDEATHSIG ends with a change of the uid.)
Task<void> WatchInput(Server* server) {
  async::FdWatch watch(STDIN_FILENO);
  for (;;) {
    char bytes[64];
    pollfd ready{STDIN_FILENO, POLLIN, 0};
    while (poll(&ready, 1, 0) <= 0) co_await watch.Readable();
    if (read(STDIN_FILENO, bytes, sizeof bytes) == 0) break;
  }
  server->OnInputEnd();
}

bool InputIsPipe() {
  struct stat st{};
  return fstat(STDIN_FILENO, &st) == 0 && S_ISFIFO(st.st_mode);
}

Task<Result<void>> ServeUntilSignal(async::Signals* signals, Server* server, bool ephemeral) {
  async::TaskGroup watcher;
  watcher.Spawn(WatchSignals(signals, server));
  if (ephemeral && InputIsPipe()) watcher.Spawn(WatchInput(server));
  co_return co_await server->Run();
}

}  // namespace

int ServeMain(const std::vector<std::string>& args) {
  log::Configure("runner", log::Level::kInfo);
  const auto options = ParseOptions(args);
  if (!options) {
    std::fprintf(stderr, "cove serve: %s\n", options.error().message().c_str());
    return 2;
  }
  if (options->help) {
    std::fputs(kServeUsage, stdout);
    return 0;
  }
  log::Configure("runner", log::ParseLevel(options->log_level).value_or(log::Level::kInfo));
  umask(0022);
  signal(SIGPIPE, SIG_IGN);
  RaiseFileLimit();
  async::Loop loop;
  async::Signals signals({SIGTERM, SIGINT, SIGHUP});
  auto server = Server::Make(*options);
  if (!server) {
    std::fprintf(stderr, "cove serve: %s\n", server.error().message().c_str());
    return 1;
  }
  const auto ended = loop.RunUntil(ServeUntilSignal(&signals, server->get(), options->ephemeral));
  server->reset();
  RemoveEmptyCgroups(options->data);
  if (!ended) {
    std::fprintf(stderr, "cove serve: %s\n", ended.error().message().c_str());
    return 1;
  }
  return 0;
}

int WorkerMain(const std::vector<std::string>& args) {
  if (!args.empty() || fcntl(image::kWorkerChannelFd, F_GETFD) < 0) {
    std::fputs("cove worker: this verb is for `cove serve` itself\n", stderr);
    return 2;
  }
  return image::RunWorker(UniqueFd(image::kWorkerChannelFd));
}

}  // namespace cove::runner
