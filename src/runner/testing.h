// Helpers of this room's tests: a data directory that goes away, and a driver whose boxes are
// sleeping processes.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/testing.h"
#include "image/store.h"
#include "net/socket.h"
#include "runner/boxes.h"

namespace cove::runner::testing {

class TempData {
 public:
  TempData() {
    auto data = DataDir::Open(dir_.path());
    EXPECT_TRUE(data) << data.error().message();
    data_.emplace(*std::move(data));
    EXPECT_TRUE(data_->OpenDirs());
  }
  const DataDir& data() const { return *data_; }
  bool Has(const std::string& name) const { return dir_.Has(name); }
  std::string operator/(const std::string& name) const { return dir_ / name; }
  ImageId MakeImage(char digit, std::vector<ImageId> below = {}) const {
    const ImageId id(std::string(64, digit));
    auto image = image::NewImage::Begin(data_->images());
    EXPECT_TRUE(image);
    EXPECT_TRUE(std::move(*image).Commit(id, std::move(below), 0));
    return id;
  }

 private:
  TempDir dir_;
  std::optional<DataDir> data_;
};

inline uint64_t StartTimeOf(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(in)), {});
  std::istringstream rest(text.substr(std::min(text.size(), text.rfind(')') + 2)));
  std::string field;
  for (int i = 3; i <= 22; ++i) rest >> field;
  return field.empty() ? 0 : std::stoull(field);
}

class FakeDriver : public sandbox::NamespaceDriver {
 public:
  ~FakeDriver() override {
    for (const pid_t pid : pids) kill(pid, SIGKILL);
    for (const pid_t pid : pids) waitpid(pid, nullptr, 0);
  }

  Task<Result<sandbox::RunningBox>> Start(sandbox::BoxSpec spec) override {
    co_await async::Yield();
    specs.push_back(spec);
    cgroups.insert(spec.id);
    if (fail_start) co_return Error(Code::kExhausted, "the data disk is full");
    // Set before the fork: the test may signal the child before it has run at all.
    const auto before = signal(SIGTERM, ignore_term ? SIG_IGN : SIG_DFL);
    const pid_t pid = fork();
    if (pid == 0) {
      execl("/bin/sleep", "sleep", "1000", nullptr);
      _exit(127);
    }
    signal(SIGTERM, before);
    pids.insert(pid);
    if (spec.record) CO_RETURN_IF_ERROR(spec.record(pid, StartTimeOf(pid)));
    co_return Take(spec.id, pid);
  }
  Result<sandbox::RunningBox> Adopt(SandboxId id, pid_t pid, uint64_t start_time) override {
    if (StartTimeOf(pid) != start_time || kill(pid, 0) != 0) return Error(Code::kGone, "ended");
    ++adoptions;
    return Take(id, pid);
  }
  Result<void> Kill(const sandbox::RunningBox& box) override {
    ++kills;
    if (failing_kills > 0 && failing_kills-- > 0)
      return Error(Code::kTimeout, "its processes do not end");
    if (box.id != never_dies) kill(box.pid, SIGKILL);
    return Ok();
  }
  Result<void> KillUnrecorded(SandboxId id) override {
    killed_unrecorded.insert(id);
    return Ok();
  }
  Task<sandbox::BoxExit> WaitExit(const sandbox::RunningBox& box) override {
    async::FdWatch watch(box.pidfd.get());
    sandbox::BoxExit exit;
    const pid_t pid = box.pid;
    while (waitpid(pid, &exit.status, WNOHANG) == 0)
      co_await watch.Readable(Now() + milliseconds(50));
    pids.erase(pid);
    exit.known = true;
    co_return exit;
  }
  Task<Result<void>> RemoveCgroups(SandboxId id, TimePoint) override {
    cgroups.erase(id);
    co_return Ok();
  }
  Result<std::vector<SandboxId>> ListCgroups() override {
    return std::vector<SandboxId>(cgroups.begin(), cgroups.end());
  }
  Result<void> Resize(SandboxId, const proto::runner::Limits& limits) override {
    if (limits.memory_bytes < memory_held) return Error(Code::kConflict, "it holds more memory");
    resized = limits;
    return Ok();
  }
  Task<Result<void>> Pause(SandboxId id) override {
    co_await async::Yield();
    if (fail_pause) co_return Error(Code::kTimeout, "a process does not stop");
    frozen.insert(id);
    for (const pid_t pid : pids) kill(pid, SIGSTOP);
    co_return Ok();
  }
  Result<void> Resume(SandboxId id) override {
    frozen.erase(id);
    for (const pid_t pid : pids) kill(pid, SIGCONT);
    return Ok();
  }
  Result<bool> IsPaused(SandboxId id) override { return frozen.contains(id); }
  Result<sys::Reclaim> OpenReclaim(SandboxId) override {
    sys::Reclaim out;
    out.text = "all";
    return out;
  }
  Result<uint64_t> OomKills(SandboxId) override { return oom_kills; }
  bool WeighsIo() const override { return weighs_io; }
  bool SocketsApart() override { return sockets_apart; }
  uint64_t FilesOf(SandboxId id) override { return files[id]; }
  Result<uint64_t> BeyondMemory(SandboxId, uint64_t uncounted) override {
    return beyond_memory + uncounted - std::min<uint64_t>(uncounted, kMemory);
  }
  // Each box has two, and all that waits waits in the second.
  std::vector<sys::Network> NetworksOf(SandboxId id) override {
    const auto known = std::find(boxes.begin(), boxes.end(), id);
    const auto n = static_cast<ino_t>(known - boxes.begin());
    if (known == boxes.end()) boxes.push_back(id);
    return {{.inode = 2 * n, .threads = {1}}, {.inode = 2 * n + 1, .threads = {1}}};
  }
  Result<sys::Unaccepted> UnacceptedIn(const sys::Network& network) override {
    if (network.inode % 2 == 0) return sys::Unaccepted();
    return unaccepted[boxes[network.inode / 2]];
  }
  Result<uint64_t> SocketBuffersInAll() override { return socket_buffers; }
  Result<void> KillForMemory(const sandbox::RunningBox& box) override {
    workloads_killed.insert(box.id);
    beyond_memory = 0;
    unaccepted.erase(box.id);
    return Ok();
  }

  bool fail_start = false;
  bool weighs_io = true;
  bool fail_pause = false;
  int failing_kills = 0;
  SandboxId never_dies;
  uint64_t oom_kills = 0;
  static constexpr uint64_t kMemory = 1 << 30;  // of each
  uint64_t beyond_memory = 0;                   // of each
  bool sockets_apart = true;
  std::vector<SandboxId> boxes;
  std::map<SandboxId, sys::Unaccepted> unaccepted;
  std::map<SandboxId, uint64_t> files;
  uint64_t socket_buffers = 0;
  std::set<SandboxId> workloads_killed;
  int oom_event = -1;  // the writing end of the last box's
  std::set<SandboxId> frozen;
  bool ignore_term = false;
  uint64_t memory_held = 0;
  proto::runner::Limits resized;
  int kills = 0;
  int adoptions = 0;
  std::set<pid_t> pids;
  std::set<SandboxId> cgroups;
  std::set<SandboxId> killed_unrecorded;
  std::vector<sandbox::BoxSpec> specs;

 private:
  sandbox::RunningBox Take(const SandboxId& id, pid_t pid) {
    sandbox::RunningBox box;
    box.id = id;
    box.pid = pid;
    box.start_time = StartTimeOf(pid);
    box.pidfd = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    oom_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    box.oom_event = UniqueFd(oom_event);
    auto a = net::StreamPair();
    auto b = net::StreamPair();
    box.sockets.tcp4 = std::move(a->first);
    box.sockets.tcp6 = std::move(a->second);
    box.sockets.dns_udp = std::move(b->first);
    box.sockets.dns_tcp = std::move(b->second);
    return box;
  }
};

// Directories without limits; enough for whoever does not write into them.
class FakeDisk : public Disk {
 public:
  explicit FakeDisk(std::string root) : root_(std::move(root)) {
    std::filesystem::create_directories(root_);
  }
  Result<void> Make(const SandboxId& id, uint64_t bytes) override {
    std::filesystem::create_directories(path(id));
    return Limit(id, bytes);
  }
  Result<void> Limit(const SandboxId& id, uint64_t bytes) override {
    limits[id] = bytes;
    return Ok();
  }
  Result<uint64_t> Use(const SandboxId&) const override { return used; }
  Result<void> Remove(const SandboxId& id) override {
    std::filesystem::remove_all(path(id));
    return Ok();
  }
  Result<std::vector<SandboxId>> List() const override {
    std::vector<SandboxId> out;
    for (const auto& entry : std::filesystem::directory_iterator(root_)) {
      out.emplace_back(entry.path().filename().string());
    }
    return out;
  }
  std::string path(const SandboxId& id) const override { return root_ + "/" + id.value; }
  Result<DiskFacts> Facts() const override { return facts; }
  void Guard() override {}

  uint64_t used = 0;
  std::map<SandboxId, uint64_t> limits;
  DiskFacts facts{.scheme = "none",
                  .bytes = 1 << 30,
                  .available_bytes = 1 << 30,
                  .host_bytes = 1 << 30,
                  .host_available_bytes = 1 << 30,
                  .host_reserve_bytes = 1 << 20};

 private:
  std::string root_;
};

class FakeJobs : public Jobs {
 public:
  using Jobs::Jobs;
  void EmptyTrash() override { ++emptied; }
  Task<Result<void>> Reclaim(sys::Reclaim) override {
    ++reclaims;
    co_await async::Sleep(seconds(3600));  // until it is cancelled
    co_return Ok();
  }
  Task<Result<void>> Sync(UniqueFd dir) override {
    EXPECT_TRUE(dir);
    co_await async::Yield();
    ++syncs;
    if (on_sync) on_sync();
    co_return Ok();
  }
  std::function<void()> on_sync;
  int syncs = 0;
  int emptied = 0;
  int reclaims = 0;
};

inline const SandboxId kA{"11111111-1111-4111-8111-111111111111"};
inline const SandboxId kB{"22222222-2222-4222-8222-222222222222"};

}  // namespace cove::runner::testing
