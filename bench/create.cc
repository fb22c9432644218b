// Wall time from "give me a sandbox" to the first byte of a command's output, for Cove over HTTP
// and for the one-shot runtimes beside it, in turn (A B C D, A B C D, ...), so that all see the
// same machine. Prints a Markdown table: p50, p99, and each peer's p50 as a multiple of Cove's.
//
// Usage: create_bench --url http://127.0.0.1:PORT --key KEY --rounds N [--peer 'NAME=COMMAND']...
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "create_bench: %s\n", what.c_str());
  std::exit(1);
}

double MillisSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// One keep-alive connection to the API, blocking: the client a careful program would use.
class Api {
 public:
  Api(const std::string& url, std::string key) : key_(std::move(key)) {
    const size_t colon = url.rfind(':');
    if (url.rfind("http://127.0.0.1:", 0) != 0) Die("--url must be http://127.0.0.1:PORT");
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(std::atoi(url.c_str() + colon + 1)));
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) Die("no server");
    const int one = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  ~Api() { close(fd_); }
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  std::string Call(const std::string& method, const std::string& path, const std::string& body) {
    const std::string request =
        method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + "Authorization: Bearer " + key_ +
        "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body;
    if (write(fd_, request.data(), request.size()) != static_cast<ssize_t>(request.size())) {
      Die("short write");
    }
    std::string in;
    size_t head_end = std::string::npos;
    size_t need = std::string::npos;
    char buffer[65536];
    while (in.size() < need) {
      const ssize_t n = read(fd_, buffer, sizeof buffer);
      if (n <= 0) Die("the server closed the connection: " + in);
      in.append(buffer, static_cast<size_t>(n));
      if (head_end == std::string::npos && (head_end = in.find("\r\n\r\n")) != std::string::npos) {
        size_t length = 0;
        for (const char* name : {"\r\nContent-Length: ", "\r\ncontent-length: "}) {
          if (const size_t at = in.find(name); at != std::string::npos && at < head_end) {
            length = std::strtoull(in.c_str() + at + std::strlen(name), nullptr, 10);
          }
        }
        need = head_end + 4 + length;
      }
    }
    if (in.compare(0, 10, "HTTP/1.1 2") != 0) Die(method + " " + path + ": " + in);
    return in.substr(head_end + 4);
  }

 private:
  int fd_;
  std::string key_;
};

double CoveOnce(Api& api) {
  const auto start = Clock::now();
  const std::string box = api.Call("POST", "/api/sandbox", R"({"env":{},"labels":{}})");
  const size_t at = box.find("\"id\":\"");
  if (at == std::string::npos) Die("no id in " + box);
  const std::string id = box.substr(at + 6, 36);
  const std::string out =
      api.Call("POST", "/toolbox/" + id + "/process/execute", R"({"command":"echo x"})");
  const double ms = MillisSince(start);
  if (out.find("x\\n") == std::string::npos) Die("wrong output: " + out);
  api.Call("DELETE", "/api/sandbox/" + id, "");
  return ms;
}

double CommandOnce(const std::string& command) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) Die("pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
  // Split at blanks: the commands have no quoting, and a shell's start would be counted.
  std::vector<std::string> words;
  for (size_t i = 0; i < command.size();) {
    const size_t end = std::min(command.find(' ', i), command.size());
    if (end > i) words.push_back(command.substr(i, end - i));
    i = end + 1;
  }
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  const auto start = Clock::now();
  if (posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ) != 0) Die(command);
  close(fds[1]);
  char byte = 0;
  const ssize_t n = read(fds[0], &byte, 1);
  const double ms = MillisSince(start);
  if (n != 1) Die("no output from: " + command);
  close(fds[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  posix_spawn_file_actions_destroy(&actions);
  return ms;
}

double Percentile(std::vector<double> v, double p) {
  std::sort(v.begin(), v.end());
  return v[std::min(v.size() - 1, static_cast<size_t>(p * static_cast<double>(v.size())))];
}

struct Peer {
  std::string name;
  std::string command;
  std::vector<double> ms;
};

}  // namespace

int main(int argc, char** argv) {
  std::string url, key;
  int rounds = 100;
  std::vector<Peer> peers;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    const std::string value = argv[i + 1];
    if (flag == "--url") url = value;
    if (flag == "--key") key = value;
    if (flag == "--rounds") rounds = std::atoi(value.c_str());
    if (flag == "--peer") {
      const size_t eq = value.find('=');
      if (eq == std::string::npos) Die("--peer NAME=COMMAND");
      peers.push_back({value.substr(0, eq), value.substr(eq + 1), {}});
    }
  }
  Api api(url, key);
  std::vector<double> cove;
  constexpr int kWarmUp = 3;
  for (int round = -kWarmUp; round < rounds; ++round) {
    const double ms = CoveOnce(api);
    if (round >= 0) cove.push_back(ms);
    for (Peer& peer : peers) {
      const double peer_ms = CommandOnce(peer.command);
      if (round >= 0) peer.ms.push_back(peer_ms);
    }
  }
  const double base = Percentile(cove, 0.5);
  std::printf("| runtime | n | p50 ms | p99 ms | p50 / Cove's |\n|---|---|---|---|---|\n");
  std::printf("| Cove, over HTTP | %d | %.2f | %.2f | 1.00 |\n", rounds, base,
              Percentile(cove, 0.99));
  for (const Peer& peer : peers) {
    const double p50 = Percentile(peer.ms, 0.5);
    std::printf("| %s | %d | %.2f | %.2f | %.2f |\n", peer.name.c_str(), rounds, p50,
                Percentile(peer.ms, 0.99), p50 / base);
  }
  return 0;
}
