#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "ai/ai.h"
#include "process_facts.h"

namespace cove::bench {
namespace {

// An answer, or as much of it as has come.
struct Answer {
  std::string bytes;
  bool whole() const {
    const size_t head = bytes.find("\r\n\r\n");
    if (head == bytes.npos) return false;
    for (const char* name : {"Content-Length: ", "content-length: "}) {
      const size_t at = bytes.find(name);
      if (at < head) return bytes.size() >= head + 4 + std::stoul(bytes.substr(at + 16));
    }
    return bytes.ends_with("0\r\n\r\n");
  }
  void Check(const Way& way) const {
    if (!bytes.starts_with("HTTP/1.1 200")) Die(way.name + " said: " + bytes.substr(0, 600));
  }
};

void SendAll(int fd, const std::string& bytes, const Way& way) {
  if (send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) {
    Die(way.name + " does not take a request");
  }
}

// Reads what is there; the connection must not end.
size_t Take(int fd, std::string& to, const Way& way) {
  static char buffer[65536];
  const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
  if (n <= 0) Die(way.name + " ended a connection after: " + to.substr(0, 600));
  to.append(buffer, static_cast<size_t>(n));
  return static_cast<size_t>(n);
}

double FirstByteOnce(int fd, const Way& way) {
  static const std::string stamp(kStamp);
  const auto start = Clock::now();
  SendAll(fd, Request(way, "one"), way);
  Answer answer;
  double first = 0;
  while (!answer.whole()) {
    Take(fd, answer.bytes, way);
    if (first == 0 && answer.bytes.find(stamp) != answer.bytes.npos) first = MillisSince(start);
  }
  answer.Check(way);
  return first;
}

// User and system time of a process, in seconds.
double CpuOf(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(in)), {});
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) rest >> skipped;
  double user = 0;
  double system = 0;
  rest >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

struct Load {
  double seconds;
  std::vector<double> millis;
};

constexpr double kSlowestMillis = 60'000;

Load CallsOf(const Way& way, int connections, double seconds) {
  struct Line {
    UniqueFd fd;
    Answer answer;
    Clock::time_point start;
  };
  const std::string request = Request(way, "small");
  const UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  std::vector<Line> lines(static_cast<size_t>(connections));
  for (size_t i = 0; i < lines.size(); ++i) {
    lines[i].fd = Dial(way);
    epoll_event event{EPOLLIN, {.u64 = i}};
    epoll_ctl(epoll.get(), EPOLL_CTL_ADD, lines[i].fd.get(), &event);
  }
  for (Line& line : lines) {
    line.start = Clock::now();
    SendAll(line.fd.get(), request, way);
  }
  Load out{};
  const auto begun = Clock::now();
  epoll_event ready[512];
  // A slow one has time for a first answer on each.
  const auto goes_on = [&] {
    const double millis = MillisSince(begun);
    return millis < seconds * 1000 || (out.millis.size() < lines.size() && millis < kSlowestMillis);
  };
  while (goes_on()) {
    const int n = epoll_wait(epoll.get(), ready, 512, 1000);
    for (int i = 0; i < n; ++i) {
      Line& line = lines[ready[i].data.u64];
      Take(line.fd.get(), line.answer.bytes, way);
      if (!line.answer.whole()) continue;
      line.answer.Check(way);
      line.answer.bytes.clear();
      out.millis.push_back(MillisSince(line.start));
      line.start = Clock::now();
      SendAll(line.fd.get(), request, way);
    }
  }
  out.seconds = MillisSince(begun) / 1000;
  if (out.millis.empty()) Die(way.name + " answered nothing");
  return out;
}

// Delays of the events in what has come; keeps the rest that may hold half a stamp.
void ReadStamps(std::string& bytes, std::vector<double>& delays) {
  constexpr size_t kDigits = 24;  // more than a stamp has
  const auto now = std::chrono::nanoseconds(Clock::now().time_since_epoch()).count();
  size_t done = 0;
  for (size_t at = 0; (at = bytes.find(kStamp, at)) != bytes.npos; ++at) {
    if (bytes.size() - at < kDigits) break;
    done = at + kStamp.size();
    const int64_t sent = std::strtoll(bytes.c_str() + done, nullptr, 10);
    if (sent > 0) delays.push_back(static_cast<double>(now - sent) / 1e6);
  }
  bytes.erase(0, std::max(done, bytes.size() - std::min(bytes.size(), kDigits)));
}

struct Line {
  UniqueFd fd;
  std::string bytes;
};

std::vector<Line> Open(const Way& way, int many, std::string_view model) {
  const std::string request = Request(way, model);
  std::vector<Line> out(static_cast<size_t>(many));
  // A few at a time: the queue of a listener is short.
  for (size_t i = 0; i < out.size(); ++i) {
    out[i].fd = Dial(way);
    SendAll(out[i].fd.get(), request, way);
    if (i >= 64) Take(out[i - 64].fd.get(), out[i - 64].bytes, way);
  }
  for (Line& line : out) {
    while (line.bytes.find(kStamp) == line.bytes.npos) Take(line.fd.get(), line.bytes, way);
  }
  return out;
}

void StreamsOf(const Way& way, int many) {
  const UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  std::vector<Line> lines = Open(way, many, "tick");
  for (size_t i = 0; i < lines.size(); ++i) {
    lines[i].bytes.clear();
    epoll_event event{EPOLLIN, {.u64 = i}};
    epoll_ctl(epoll.get(), EPOLL_CTL_ADD, lines[i].fd.get(), &event);
  }
  std::vector<double> delays;
  uint64_t bytes = 0;
  const double cpu = way.pid == 0 ? 0 : CpuOf(way.pid);
  const auto begun = Clock::now();
  epoll_event ready[512];
  // The last part of the streams is left out: they do not all end at once.
  while (MillisSince(begun) < (kTickSeconds - 3) * 1000) {
    const int n = epoll_wait(epoll.get(), ready, 512, 1000);
    for (int i = 0; i < n; ++i) {
      Line& line = lines[ready[i].data.u64];
      bytes += Take(line.fd.get(), line.bytes, way);
      ReadStamps(line.bytes, delays);
    }
  }
  const double used = way.pid == 0 ? 0 : CpuOf(way.pid) - cpu;
  std::printf("| %s | %zu | %.2f | %.2f | %.0f |", way.name.c_str(), delays.size(),
              Percentile(delays, 0.5), Percentile(delays, 0.99),
              static_cast<double>(delays.size()) / (kTickSeconds - 3));
  if (way.pid == 0) {
    std::printf(" | |\n");
  } else {
    std::printf(" %.1f | %.1f |\n", used * 1000 / (static_cast<double>(bytes) / 1e6),
                100 * used / (kTickSeconds - 3));
  }
}

}  // namespace

void FirstByte(const Options& options) {
  const auto ways = ReadWays(options);
  std::vector<Contestant> contestants;
  std::vector<UniqueFd> lines;
  for (const Way& way : ways) {
    lines.push_back(Dial(way));
    contestants.push_back(
        {way.name, [way, fd = lines.back().get()] { return FirstByteOnce(fd, way); }});
  }
  RunInTurn(contestants, options, 500, 20);
  PrintTable(contestants, "ms to the first event, 1 connection");
}

void Calls(const Options& options) {
  const int seconds = options.Number("seconds", 5);
  std::printf("| blocking calls | connections | n | requests/s | p50 ms | p99 ms |\n");
  std::printf("|---|---|---|---|---|---|\n");
  for (const int connections : {1, 50, 500}) {
    for (const Way& way : ReadWays(options)) {
      CallsOf(way, connections, 0.5);
      const Load load = CallsOf(way, connections, seconds);
      std::printf("| %s | %d | %zu | %.0f | %.2f | %.2f |\n", way.name.c_str(), connections,
                  load.millis.size(), static_cast<double>(load.millis.size()) / load.seconds,
                  Percentile(load.millis, 0.5), Percentile(load.millis, 0.99));
      std::fflush(stdout);
    }
  }
}

void Streams(const Options& options) {
  const int many = options.Number("many", 1000);
  std::printf(
      "| %d streams of %d events/s | n | delay p50 ms | p99 ms | events/s | ms CPU per MB | CPU %% "
      "|\n",
      many, kEventsPerSecond);
  std::printf("|---|---|---|---|---|---|---|\n");
  for (const Way& way : ReadWays(options)) {
    StreamsOf(way, many);
    std::fflush(stdout);
  }
}

void IdleStreams(const Options& options) {
  const int many = options.Number("many", 1000);
  for (const Way& way : ReadWays(options)) {
    if (way.pid == 0) continue;
    {
      const auto warm = Open(way, 1, "one");
    }
    const uint64_t before = PrivateKib(way.pid);
    const auto lines = Open(way, many, "idle");
    PrintFact(way.name + ", memory of an idle stream",
              static_cast<double>(PrivateKib(way.pid) - before) / many, "KiB");
  }
}

}  // namespace cove::bench
