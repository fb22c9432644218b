// transfer: a file of --mib MiB into a sandbox and back over HTTP, with the peak of resident memory
// of the processes that carry it (front, toolbox and its file worker) above where they began.
// Peers: --peer 'NAME up=COMMAND' and 'NAME down=COMMAND'.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "api.h"
#include "command.h"
#include "process_facts.h"

namespace cove::bench {
namespace {

constexpr uint64_t kMib = 1 << 20;
constexpr char kPath[] = "/home/daytona/big";

uint64_t CarriersKib(const Options& options) {
  const pid_t runner = options.Number("runner", 0);
  uint64_t sum = 0;
  for (const char* name : {"cove-front", "cove-toolbox"}) {
    for (const pid_t pid : ChildrenNamed(runner, name)) {
      for (const pid_t one : TreeOf(pid)) sum += ResidentKib(one);
    }
  }
  return sum;
}

// Samples while it lives.
class MemoryPeak {
 public:
  explicit MemoryPeak(const Options& options)
      : before_(CarriersKib(options)), sampler_([this, &options] {
          while (!stop_) {
            peak_ = std::max<uint64_t>(peak_, CarriersKib(options));
            usleep(50'000);
          }
        }) {}
  MemoryPeak(const MemoryPeak&) = delete;
  ~MemoryPeak() {
    stop_ = true;
    sampler_.join();
    PrintFact("memory of front, toolbox and worker: at most above the start",
              peak_ > before_ ? static_cast<double>(peak_ - before_) / 1024 : 0, "MiB");
  }

 private:
  uint64_t before_;
  std::atomic<uint64_t> peak_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread sampler_;
};

double Rate(uint64_t mib, double ms) { return static_cast<double>(mib) * 1.048576 / ms * 1000; }

std::string FormHead() {
  return "--cove-bench\r\nContent-Disposition: form-data; name=\"file\"; filename=\"big\"\r\n"
         "Content-Type: application/octet-stream\r\n\r\n";
}

double UploadOnce(Api& api, const std::string& id, uint64_t mib, const std::string& piece) {
  const auto start = Clock::now();
  api.Upload("/toolbox/" + id + "/files/upload-v2?path=" + kPath,
             "multipart/form-data; boundary=cove-bench", FormHead(), mib * kMib, piece,
             "\r\n--cove-bench--\r\n");
  return Rate(mib, MillisSince(start));
}

double DownloadOnce(Api& api, const std::string& id, uint64_t mib) {
  const auto start = Clock::now();
  const uint64_t got = api.Download("/toolbox/" + id + "/files/download?path=" + kPath);
  if (got != mib * kMib) Die("the download has another size than the upload");
  return Rate(mib, MillisSince(start));
}

}  // namespace

void Transfer(const Options& options) {
  const auto mib = static_cast<uint64_t>(options.Number("mib", 1024));
  Api api(options);
  const std::string id = api.Create(R"("memory":4,"disk":8)");
  // Bytes that do not repeat within the piece, with carriage returns among them: what a search for
  // a boundary stumbles over in real files.
  std::string piece(kMib, '\0');
  uint64_t state = 88172645463325252u;
  for (char& c : piece) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    c = static_cast<char>(state);
  }
  std::vector<Contestant> all = {{"Cove, upload", [&] { return UploadOnce(api, id, mib, piece); }},
                                 {"Cove, download", [&] { return DownloadOnce(api, id, mib); }}};
  for (const auto& [name, command] : options.peers()) {
    all.push_back({name, [mib, command = command] { return Rate(mib, WholeRun(command)); }});
  }
  {
    const MemoryPeak memory(options);
    RunInTurn(all, options, 5, 1);
  }
  PrintTable(all, "MB/s", Kind::kRates);
  api.Delete(id);
}

}  // namespace cove::bench
