// Feeds arbitrary bytes as requests of the front. What passes the checks becomes names of files and
// numbers for the kernel, so it is looked at again here, in other words than check.cc has.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "runner/check.h"

namespace {

namespace pr = cove::proto::runner;
using cove::proto::Decode;

// One path component that cannot mean another directory, an option or a pattern.
void MustBeName(const std::string& text, size_t most) {
  const char* kAllowed = "0123456789abcdefghijklmnopqrstuvwxyz-";
  if (text.empty() || text.size() > most || text[0] == '-' ||
      text.find_first_not_of(kAllowed) != std::string::npos) {
    __builtin_trap();
  }
}

void MustBeSane(const pr::Limits& l) {
  if (l.cpu_millis == 0 || l.pids == 0 || l.io_weight == 0 || l.memory_bytes < 1 << 20) {
    __builtin_trap();
  }
  // They are written as signed numbers and multiplied by at most a million.
  if (l.memory_bytes > INT64_MAX / 2 || l.disk_bytes > INT64_MAX / 2 || l.cpu_millis > INT32_MAX) {
    __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto request = Decode<pr::Request>({reinterpret_cast<const char*>(data), size});
  if (!request) return 0;
  const std::string& body = request->body;
  if (auto m = Decode<pr::BoxCreate>(body); m && cove::runner::CheckCreate(*m)) {
    MustBeName(m->id.value, 36);
    MustBeName(m->image.value, 64);
    MustBeName(m->hostname, 63);
    MustBeSane(m->limits);
  }
  if (auto m = Decode<pr::BoxResize>(body);
      m && cove::runner::CheckSandboxId(m->id) && cove::runner::CheckLimits(m->limits)) {
    MustBeName(m->id.value, 36);
    MustBeSane(m->limits);
  }
  if (auto m = Decode<pr::BoxRef>(body); m && cove::runner::CheckSandboxId(m->id)) {
    MustBeName(m->id.value, 36);
  }
  if (auto m = Decode<pr::ImageRef>(body); m && cove::runner::CheckImageId(m->id)) {
    MustBeName(m->id.value, 64);
  }
  if (auto m = Decode<pr::ImageHost>(body); m && cove::runner::CheckTrust(m->trust)) {
    if (m->trust.size() > pr::kTrustBytesMax || std::strlen(m->trust.c_str()) != m->trust.size()) {
      __builtin_trap();
    }
  }
  return 0;
}
