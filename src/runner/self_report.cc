#include "runner/self_report.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "log/log.h"
#include "net/socket.h"
#include "proto/wire.h"

namespace cove::runner {
namespace {

constexpr timeval kPatience{.tv_sec = 3, .tv_usec = 0};
constexpr size_t kReportMax = 64 * 1024;

std::string SocketOf(const std::string& runner_dir) { return runner_dir + "/doctor.sock"; }

struct Report {
  std::vector<Finding> findings;
  template <class A>
  void Fields(A& a) {
    a(findings);
  }
};

Result<std::string> ReadReport(int fd) {
  std::string out;
  char buffer[4096];
  for (;;) {
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error(Code::kTimeout, "the server does not answer");
    if (n == 0 || out.size() > kReportMax) return out;
    out.append(buffer, static_cast<size_t>(n));
  }
}

}  // namespace

Result<UniqueFd> ListenForDoctor(const std::string& runner_dir) {
  const std::string path = SocketOf(runner_dir);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return Error::FromErrno("remove " + path);
  return net::ListenUnix(path, 8);
}

async::Task<void> AnswerDoctors(UniqueFd fd,
                                std::function<Result<std::vector<Finding>>()> findings) {
  net::Listener listener(std::move(fd));
  for (;;) {
    const auto client = co_await listener.Accept();
    if (!client) {
      log::Warn("doctor.not_answered", {{"why", client.error().message()}});
      co_return;
    }
    auto found = findings();
    if (!found) continue;
    // It fits the socket's buffer; who does not read it gets less.
    const std::string report = proto::Encode(Report{*std::move(found)});
    (void)!send(client->get(), report.data(), report.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

Result<std::vector<Finding>> AskServer(const std::string& runner_dir) {
  const std::string path = SocketOf(runner_dir);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error(Code::kNotFound, "its path is too long");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return Error::FromErrno("make a socket");
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return Error(Code::kNotFound, "no server listens on " + path);
  }
  ASSIGN_OR_RETURN(const std::string text, ReadReport(fd.get()));
  ASSIGN_OR_RETURN(Report report, proto::Decode<Report>(text));
  return std::move(report.findings);
}

}  // namespace cove::runner
