#include <sys/statvfs.h>
#include <unistd.h>

#include <fstream>

#include "base/text.h"
#include "control/ports.h"

namespace cove::control {

// Sources: proc(5) meminfo, statvfs(3). Neither waits for a disk.
MachineFacts ReadMachineFacts(const std::string& data_dir) {
  MachineFacts facts;
  facts.cpus = static_cast<double>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  std::ifstream meminfo("/proc/meminfo");
  std::string key;
  std::string unit;
  uint64_t kib = 0;
  while (meminfo >> key >> kib) {
    std::getline(meminfo, unit);
    if (key == "MemTotal:") facts.memory_bytes = kib * 1024;
    if (key == "MemAvailable:") facts.memory_available_bytes = kib * 1024;
  }
  struct statvfs disk{};
  if (::statvfs(data_dir.c_str(), &disk) == 0) {
    facts.disk_bytes = uint64_t{disk.f_blocks} * disk.f_frsize;
  }
  return facts;
}

}  // namespace cove::control
