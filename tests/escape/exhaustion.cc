// Taking all there is of something. The attempt holds if an end comes that is the sandbox's own;
// the test then asks the neighbour and the server whether they noticed (Hold).
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <vector>

#include "attempt.h"

namespace cove::escape {
namespace {

constexpr int kFar = 100000;  // nothing below is without an end before this

Outcome Processes() {
  Tries t;
  std::vector<pid_t> children;
  int error = 0;
  while (children.size() < kFar) {
    const pid_t pid = fork();
    if (pid < 0) {
      error = errno;
      break;
    }
    if (pid == 0) {
      pause();
      _exit(0);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) kill(pid, SIGKILL);
  for (const pid_t pid : children) waitpid(pid, nullptr, 0);
  t.Holds("EAGAIN before the far end", error == EAGAIN && children.size() < 70000);
  return t.End();
}

Outcome Memory() {
  Tries t;
  const pid_t pid = fork();
  if (pid == 0) {
    constexpr size_t kStep = 64 << 20;
    for (int i = 0; i < 4096; ++i) {
      void* block = mmap(nullptr, kStep, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
      if (block == MAP_FAILED) _exit(3);
      std::memset(block, 1, kStep);
    }
    _exit(0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  t.Holds("killed or refused", WIFSIGNALED(status) || WEXITSTATUS(status) == 3);
  return t.End();
}

Outcome Descriptors() {
  Tries t;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  int n = 0;
  while (n < 2 * kFar && dup(0) >= 0) ++n;
  t.Holds("EMFILE", errno == EMFILE);
  rlimit more{files.rlim_max + 1, files.rlim_max + 1};
  t.Fails("a higher limit", setrlimit(RLIMIT_NOFILE, &more));
  return t.End();
}

// Names cost memory in a tmpfs: an end comes by its size.
Outcome TmpfsBytes() {
  Tries t;
  const std::string path = "/dev/shm/escape-" + std::to_string(geteuid());
  const int fd = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  t.Works("a file in /dev/shm", fd);
  t.Fails("a terabyte in /dev/shm", fallocate(fd, 0, 0, 1LL << 40));
  unlink(path.c_str());
  close(fd);
  return t.End();
}

Outcome Namespaces() {
  Tries t;
  int depth = 0;
  while (depth < 100 && unshare(CLONE_NEWUSER) == 0) ++depth;
  t.Holds("nesting ends", depth < 40);
  return t.End();
}

constexpr Attempt kAttempts[] = {
    {"exhaust.processes", "EAGAIN at the sandbox's own limit", Processes},
    {"exhaust.memory", "the process is killed, nothing else", Memory},
    {"exhaust.descriptors", "EMFILE; the limit cannot be raised", Descriptors},
    {"exhaust.shared_memory", "ENOSPC or ENOMEM at half of the sandbox's memory", TmpfsBytes},
    {"exhaust.namespaces", "nesting ends (strict: there is none)", Namespaces},
};

int OpenTerminal() { return open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC); }
int OpenInotify() { return inotify_init1(IN_CLOEXEC); }
int OpenEpoll() { return epoll_create1(EPOLL_CLOEXEC); }

int OpenPipe() {
  int pair[2];
  if (pipe2(pair, O_CLOEXEC) != 0) return -1;
  (void)fcntl(pair[1], F_SETPIPE_SZ, 1 << 20);
  fcntl(pair[1], F_SETFL, O_NONBLOCK);
  static char block[65536];
  while (write(pair[1], block, sizeof block) > 0) {
  }
  return pair[0];
}

int OpenSocketPair() {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) return -1;
  static char block[65536];
  while (write(pair[0], block, sizeof block) > 0) {
  }
  return pair[1];
}

void Fill(int fd) {
  static char block[65536];
  while (send(fd, block, sizeof block, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
  }
}

int OpenListener(sockaddr_in* at) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  socklen_t size = sizeof *at;
  *at = {};
  at->sin_family = AF_INET;
  at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(at), size) != 0 || listen(fd, 16) != 0) {
    return -1;
  }
  return getsockname(fd, reinterpret_cast<sockaddr*>(at), &size) == 0 ? fd : -1;
}

// A connection whose four buffers are as full as they get: nobody reads. Both ends stay open.
int OpenTcp() {
  static sockaddr_in at;
  static const int listener = OpenListener(&at);
  const int near = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (near < 0 || connect(near, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) return -1;
  const int far = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (far < 0) return -1;
  // What was sent arrives a moment later, and makes room for more.
  for (int i = 0; i < 4; ++i) {
    Fill(near);
    Fill(far);
    usleep(1000);
  }
  return near;
}

// As many connections as there may be, each with a little: near the limit of all buffers the kernel
// still lets some through for each socket.
int OpenTcpWithLittle() {
  static sockaddr_in at;
  static const int listener = OpenListener(&at);
  const int near = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (near < 0 || connect(near, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) return -1;
  const int far = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (far < 0) return -1;
  Fill(near);
  Fill(far);
  return near;
}

// Datagrams that nobody reads.
int OpenUdp() {
  sockaddr_in at{};
  socklen_t size = sizeof at;
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int most = 64 << 20;
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &most, sizeof most);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&at), size) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0 ||
      connect(fd, reinterpret_cast<sockaddr*>(&at), size) != 0) {
    return -1;
  }
  static char block[32768];
  for (int i = 0; i < 64; ++i) (void)send(fd, block, sizeof block, MSG_DONTWAIT);
  return fd;
}

struct Resource {
  const char* name;
  int (*take)();
  int most;
  int processes = 1;
};

// The numbers stay below what one sandbox's memory holds.
constexpr Resource kResources[] = {{"terminals", OpenTerminal, kFar},
                                   {"inotify", OpenInotify, kFar},
                                   {"epoll", OpenEpoll, kFar},
                                   {"pipes", OpenPipe, 500},
                                   {"sockets", OpenSocketPair, 500},
                                   {"tcp", OpenTcp, 100, 8},
                                   {"tcp_many", OpenTcpWithLittle, 20'000, 8},
                                   {"udp", OpenUdp, 500, 8}};

int TakeAll(const Resource& r) {
  int n = 0;
  while (n < r.most && r.take() >= 0) ++n;
  return n;
}

}  // namespace

std::span<const Attempt> ExhaustionAttempts() { return kAttempts; }

int Hold(const std::string& resource) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  for (const Resource& r : kResources) {
    if (resource != r.name) continue;
    // The others close their end of the pipe when they have all that they get.
    int others[2];
    if (pipe2(others, O_CLOEXEC) != 0) return 2;
    bool first = true;
    for (int i = 1; i < r.processes && first; ++i) first = fork() != 0;
    const int n = TakeAll(r);
    const int error = errno;
    close(others[1]);
    if (first) {
      char none;
      while (read(others[0], &none, 1) < 0 && errno == EINTR) {
      }
      std::printf("held %d until %s\n", n, n < r.most ? strerrorname_np(error) : "enough");
      std::fflush(stdout);
    }
    // Kept until the test says so.
    while (access("/tmp/escape-release", F_OK) != 0) usleep(20'000);
    return 0;
  }
  return 2;
}

}  // namespace cove::escape
