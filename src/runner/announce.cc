#include "runner/announce.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace cove::runner {

std::string BaseUrl(const net::SocketAddress& address) { return "http://" + address.ToString(); }

void AnnounceReady(const std::string& url) {
  const std::string line = "ready " + url + "\n";
  (void)!write(STDOUT_FILENO, line.data(), line.size());
  NotifySystemd("READY=1");
}

void NotifySystemd(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr) return;
  const auto address = net::SocketAddress::FromUnixPath(path);
  if (!address) return;
  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (fd)
    (void)sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL, address->get(), address->size);
}

}  // namespace cove::runner
