#include "toolbox/process_tree.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>

#include "base/text.h"

namespace cove::toolbox {
namespace {

// PF_SIGNALED of the kernel's linux/sched.h: set when a signal has ended the process.
constexpr uint32_t kEndedBySignal = 0x400;

// The beginning of /proc/PID/NAME; empty: it is gone.
std::string ReadOf(pid_t pid, const char* name) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + name;
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(2048, '\0');
  const ssize_t n = fd ? read(fd.get(), text.data(), text.size()) : -1;
  text.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return text;
}

// SIGKILL waits for it to run; a signal that has ended it is seen in its flags.
bool AwaitsKill(pid_t pid) {
  const std::string text = ReadOf(pid, "status");
  const size_t at = text.find("\nSigPnd:\t");
  if (at == std::string::npos) return false;
  const auto pending = ParseInt<uint64_t>(std::string_view(text).substr(at + 9, 16), 16);
  return pending && (*pending >> (SIGKILL - 1) & 1) != 0;
}

std::string Printable(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (c < ' ' || c > '~' || c == '"' || c == '\\') c = '?';
  }
  return out;
}

// "123 (na) me) S 1 123 123 ...": the name may hold anything, so fields count from the last ')'.
std::optional<ProcessRow> ReadStat(pid_t pid) {
  const std::string text = ReadOf(pid, "stat");
  const size_t name_begin = text.find('(') + 1;
  const size_t name_end = text.rfind(')');
  if (name_begin == 0 || name_end == std::string_view::npos) return std::nullopt;
  const auto fields = Split(std::string_view(text).substr(name_end + 1), ' ');
  if (fields.size() < 8 || fields[1].empty()) return std::nullopt;
  ProcessRow row;
  row.pid = pid;
  row.state = fields[1][0];
  row.parent = ParseInt<pid_t>(fields[2]).value_or(0);
  row.session = ParseInt<pid_t>(fields[4]).value_or(0);
  row.flags = ParseInt<uint32_t>(fields[7]).value_or(0);
  row.name = Printable(std::string_view(text).substr(name_begin, name_end - name_begin));
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

std::vector<pid_t> AncestorsOf(const std::vector<ProcessRow>& all, pid_t pid) {
  std::vector<pid_t> out;
  while (out.size() < all.size()) {
    const auto same = [pid](const ProcessRow& row) { return row.pid == pid; };
    const auto row = std::find_if(all.begin(), all.end(), same);
    if (row == all.end() || row->parent <= 1) break;
    pid = row->parent;
    out.push_back(pid);
  }
  return out;
}

// The flags last: a signal that waits no more has been taken by then.
bool DiesOfKill(const ProcessRow& row) {
  if (row.state == 'Z' || row.state == 'X') return false;
  if (AwaitsKill(row.pid)) return true;
  const auto now = ReadStat(row.pid);
  return now && (now->flags & kEndedBySignal) != 0;
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
