#include "attempt.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace cove::escape {

void Tries::Note(Verdict verdict, const std::string& detail) {
  const auto rank = [](Verdict v) {
    return v == Verdict::kEscaped ? 2 : v == Verdict::kBroken ? 1 : 0;
  };
  if (rank(verdict) > rank(worst_.verdict)) {
    worst_ = {verdict, detail};
  } else if (verdict == worst_.verdict) {
    worst_.detail += (worst_.detail.empty() ? "" : "; ") + detail;
  }
}

void Tries::Fails(const std::string& what, long rc) {
  const int error = errno;
  if (rc >= 0) return Note(Verdict::kEscaped, what + " worked");
  Note(Verdict::kHeld, what + ": " + strerrorname_np(error));
}

void Tries::FailsWith(const std::string& what, long rc, int error) {
  if (rc < 0 && errno != error) {
    return Note(Verdict::kBroken,
                what + ": " + strerrorname_np(errno) + ", not " + strerrorname_np(error));
  }
  Fails(what, rc);
}

void Tries::CannotOpen(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  Fails(path, fd);
  if (fd >= 0) close(fd);
}

void Tries::CannotWrite(const std::string& path, const std::string& text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  Fails("write to " + path, fd < 0 ? -1 : write(fd, text.data(), text.size()));
  if (fd >= 0) close(fd);
}

void Tries::Works(const std::string& what, long rc) {
  if (rc >= 0) return;
  Note(Verdict::kBroken, what + " does not work: " + strerrorname_np(errno));
}

void Tries::Holds(const std::string& what, bool safe) {
  Note(safe ? Verdict::kHeld : Verdict::kEscaped, what);
}

bool EnterNested(int flags) {
  const auto uid = std::to_string(geteuid());
  const auto gid = std::to_string(getegid());
  if (unshare(CLONE_NEWUSER | flags) != 0) return false;
  const auto put = [](const char* path, const std::string& text) {
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    (void)!write(fd, text.data(), text.size());
    close(fd);
  };
  put("/proc/self/setgroups", "deny");
  put("/proc/self/uid_map", "0 " + uid + " 1");
  put("/proc/self/gid_map", "0 " + gid + " 1");
  return true;
}

std::string ReadText(const std::string& path) {
  std::string text;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char buffer[4096];
  for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(n));
  }
  close(fd);
  return text;
}

std::string Given(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool IsRoot() { return geteuid() == 0; }

}  // namespace cove::escape
