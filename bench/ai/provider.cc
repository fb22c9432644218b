// The provider for the benchmark: one thread, no work but to write. Streams are spread over the
// period of their events, as calls that began at different times are.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cstdio>
#include <map>

#include "ai/ai.h"

namespace cove::bench {
namespace {

constexpr int kSlots = 1000 / kEventsPerSecond;  // milliseconds between two events of a stream
constexpr int kEvents = kTickSeconds * kEventsPerSecond;

struct Connection {
  UniqueFd fd;
  std::string in;
  int left = 0;  // events still to be sent
  size_t slot = 0;
};

std::string Chunk(std::string_view bytes) {
  char size[16];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return size + std::string(bytes) + "\r\n";
}

std::string Event() {
  const auto now = Clock::now().time_since_epoch();
  return "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,"
         "\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"some words and " +
         std::string(kStamp) + std::to_string(std::chrono::nanoseconds(now).count()) +
         " \"},\"finish_reason\":null}]}\n\n";
}

constexpr char kUsage[] =
    "\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":34,\"total_tokens\":46}";

std::string End() {
  return Chunk(
             "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,"
             "\"model\":\"bench\",\"choices\":[]," +
             std::string(kUsage) + "}\n\ndata: [DONE]\n\n") +
         "0\r\n\r\n";
}

const std::string& Small() {
  static const std::string text = [] {
    const std::string body =
        "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"bench\","
        "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"fine\"},"
        "\"finish_reason\":\"stop\"}]," +
        std::string(kUsage) + "}";
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }();
  return text;
}

class Provider {
 public:
  void Run();

 private:
  void Accept();
  void Read(Connection& c);
  void Answer(Connection& c, std::string_view request);
  void Tick();
  void Send(Connection& c, const std::string& bytes) {
    if (send(c.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(bytes.size())) {
      Close(c);
    }
  }
  void Close(Connection& c) { connections_.erase(c.fd.get()); }

  UniqueFd listener_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  UniqueFd epoll_{epoll_create1(EPOLL_CLOEXEC)};
  UniqueFd timer_{timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
  std::map<int, Connection> connections_;
  size_t slot_ = 0;
  size_t next_slot_ = 0;
};

void Provider::Accept() {
  const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return;
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  connections_[fd].fd = UniqueFd(fd);
  epoll_event event{EPOLLIN, {.fd = fd}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

void Provider::Answer(Connection& c, std::string_view request) {
  if (request.find("\"stream\":true") == request.npos) return Send(c, Small());
  const bool one = request.find("\"one\"") != request.npos;
  c.left = request.find("\"tick\"") != request.npos ? kEvents : 0;
  c.slot = next_slot_++ % kSlots;
  Send(c,
       "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" +
           Chunk(Event()) + (one ? End() : ""));
}

void Provider::Read(Connection& c) {
  char buffer[65536];
  const ssize_t n = recv(c.fd.get(), buffer, sizeof buffer, 0);
  if (n <= 0) return Close(c);
  c.in.append(buffer, static_cast<size_t>(n));
  const size_t head = c.in.find("\r\n\r\n");
  if (head == c.in.npos) return;
  size_t at = c.in.find("ontent-");  // "Content-Length" or "content-length"
  while (at != c.in.npos && strncasecmp(c.in.c_str() + at, "ontent-length:", 14) != 0) {
    at = c.in.find("ontent-", at + 1);
  }
  const size_t length = at < head ? std::stoul(c.in.substr(at + 14)) : 0;
  if (c.in.size() < head + 4 + length) return;
  const std::string request = std::move(c.in);
  c.in.clear();
  Answer(c, request);
}

void Provider::Tick() {
  uint64_t times = 0;
  if (read(timer_.get(), &times, sizeof times) != sizeof times) return;
  for (; times > 0; --times, slot_ = (slot_ + 1) % kSlots) {
    for (auto it = connections_.begin(); it != connections_.end();) {
      Connection& c = (it++)->second;  // sending may end it
      if (c.left == 0 || c.slot != slot_) continue;
      Send(c, --c.left == 0 ? End() : Chunk(Event()));
    }
  }
}

void Provider::Run() {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&at), size) != 0 ||
      listen(listener_.get(), 4096) != 0 ||
      getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&at), &size) != 0) {
    Die("the provider cannot listen");
  }
  const itimerspec every{{0, 1'000'000}, {0, 1'000'000}};
  timerfd_settime(timer_.get(), 0, &every, nullptr);
  for (const int fd : {listener_.get(), timer_.get()}) {
    epoll_event event{EPOLLIN, {.fd = fd}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }
  std::printf("%u\n", ntohs(at.sin_port));
  std::fflush(stdout);
  epoll_event ready[256];
  for (;;) {
    const int n = epoll_wait(epoll_.get(), ready, 256, -1);
    for (int i = 0; i < n; ++i) {
      const int fd = ready[i].data.fd;
      if (fd == listener_.get()) {
        Accept();
      } else if (fd == timer_.get()) {
        Tick();
      } else if (const auto it = connections_.find(fd); it != connections_.end()) {
        Read(it->second);
      }
    }
  }
}

}  // namespace

void ServeProvider() { Provider().Run(); }

}  // namespace cove::bench
