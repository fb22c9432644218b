#include "toolbox/process_tree.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>

#include "base/text.h"

namespace cove::toolbox {
namespace {

// "123 (na) me) S 1 123 123 ...": the name may hold anything, so fields count from the last ')'.
std::optional<ProcessRow> ReadStat(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char buffer[512];
  const ssize_t n = fd ? read(fd.get(), buffer, sizeof buffer) : -1;
  if (n <= 0) return std::nullopt;
  const std::string_view text(buffer, static_cast<size_t>(n));
  const size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  const auto fields = Split(text.substr(name_end + 1), ' ');
  if (fields.size() < 5 || fields[1].empty()) return std::nullopt;
  ProcessRow row;
  row.pid = pid;
  row.state = fields[1][0];
  row.parent = ParseInt<pid_t>(fields[2]).value_or(0);
  row.session = ParseInt<pid_t>(fields[4]).value_or(0);
  return row;
}

}  // namespace

std::vector<ProcessRow> ListProcesses() {
  std::vector<ProcessRow> rows;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc"), closedir);
  if (!folder) return rows;
  while (const dirent* entry = readdir(folder.get())) {
    const auto pid = ParseInt<uint32_t>(entry->d_name);
    if (!pid) continue;
    if (auto row = ReadStat(static_cast<pid_t>(*pid))) rows.push_back(*row);
  }
  return rows;
}

std::vector<pid_t> WithDescendants(const std::vector<ProcessRow>& all, std::vector<pid_t> pids) {
  std::unordered_set<pid_t> members(pids.begin(), pids.end());
  for (bool grew = true; grew;) {
    grew = false;
    for (const ProcessRow& row : all) {
      if (members.contains(row.pid) || !members.contains(row.parent)) continue;
      members.insert(row.pid);
      pids.push_back(row.pid);
      grew = true;
    }
  }
  return pids;
}

std::vector<pid_t> MembersOfShell(const std::vector<ProcessRow>& all, pid_t shell) {
  std::vector<ProcessRow> attached;
  for (const ProcessRow& row : all) {
    if (row.parent == shell && row.session == row.pid) continue;
    attached.push_back(row);
  }
  std::vector<pid_t> roots;
  for (const ProcessRow& row : attached) {
    if (row.pid == shell || row.session == shell) roots.push_back(row.pid);
  }
  return WithDescendants(attached, std::move(roots));
}

}  // namespace cove::toolbox
