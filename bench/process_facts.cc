#include "process_facts.h"

#include <dirent.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

#include "harness.h"

namespace cove::bench {
namespace {

std::string Read(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Fields 1 (name) and 3 (parent) of /proc/PID/stat.
bool Stat(pid_t pid, std::string* name, pid_t* parent) {
  const std::string text = Read("/proc/" + std::to_string(pid) + "/stat");
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos) return false;
  *name = text.substr(open + 1, close - open - 1);
  char state = 0;
  std::istringstream rest(text.substr(close + 1));
  return static_cast<bool>(rest >> state >> *parent);
}

template <class Fn>
void EachEntry(const std::string& folder, Fn fn) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(folder.c_str()), closedir);
  if (!dir) return;
  while (const dirent* entry = readdir(dir.get())) fn(std::string(entry->d_name));
}

std::vector<pid_t> Children(pid_t of, const std::string& wanted) {
  std::vector<pid_t> out;
  EachEntry("/proc", [&](const std::string& entry) {
    const pid_t pid = std::atoi(entry.c_str());
    std::string name;
    pid_t parent = 0;
    if (pid <= 0 || !Stat(pid, &name, &parent) || parent != of) return;
    if (wanted.empty() || name == wanted) out.push_back(pid);
  });
  return out;
}

// The sum of the numbers after `name` in a file of "name: number" lines.
uint64_t Sum(const std::string& path, const std::vector<std::string>& names) {
  std::ifstream file(path);
  uint64_t sum = 0;
  for (std::string line; std::getline(file, line);) {
    for (const std::string& name : names) {
      if (line.rfind(name + ":", 0) == 0) sum += std::strtoull(&line[name.size() + 1], nullptr, 10);
    }
  }
  return sum;
}

std::string Of(pid_t pid, const char* file) { return "/proc/" + std::to_string(pid) + "/" + file; }

}  // namespace

std::vector<pid_t> ChildrenNamed(pid_t runner, const std::string& name) {
  return Children(runner, name);
}

std::vector<pid_t> TreeOf(pid_t pid) {
  std::vector<pid_t> out = {pid};
  for (size_t i = 0; i < out.size(); ++i) {
    for (const pid_t child : Children(out[i], "")) out.push_back(child);
  }
  return out;
}

uint64_t PrivateKib(pid_t pid) {
  return Sum(Of(pid, "smaps_rollup"), {"Private_Clean", "Private_Dirty"});
}

uint64_t ResidentKib(pid_t pid) { return Sum(Of(pid, "status"), {"VmRSS"}); }

uint64_t Switches(pid_t pid) {
  return Sum(Of(pid, "status"), {"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"});
}

uint64_t Descriptors(pid_t pid) {
  uint64_t n = 0;
  EachEntry(Of(pid, "fd"), [&n](const std::string& entry) { n += entry[0] != '.' ? 1 : 0; });
  return n;
}

uint64_t Mounts(pid_t pid) {
  std::ifstream file(Of(pid, "mountinfo"));
  uint64_t n = 0;
  for (std::string line; std::getline(file, line);) ++n;
  return n;
}

uint64_t NetworkNamespaces() {
  std::ifstream file("/proc/slabinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("net_namespace ", 0) == 0) return std::strtoull(&line[14], nullptr, 10);
  }
  return 0;
}

uint64_t Cgroups() {
  std::ifstream file("/proc/cgroups");
  uint64_t n = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string name;
    uint64_t hierarchy = 0;
    uint64_t count = 0;
    if (fields >> name >> hierarchy >> count) n += count;
  }
  return n;
}

}  // namespace cove::bench
