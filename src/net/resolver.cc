// Resolve(): the system's resolver on the pool. Source: getaddrinfo(3).
#include <netdb.h>

#include <cstring>

#include "net/tls.h"

namespace cove::net {
namespace {

Result<std::vector<SocketAddress>> ResolveNow(const std::string& name, uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int failed = getaddrinfo(name.c_str(), nullptr, &hints, &list);
  if (failed != 0) {
    const bool unknown = failed == EAI_NONAME || failed == EAI_NODATA;
    return Error(unknown ? Code::kNotFound : Code::kUnavailable,
                 "cannot resolve \"" + name + "\": " + gai_strerror(failed));
  }
  std::vector<SocketAddress> out;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    char ip[NI_MAXHOST];
    if (getnameinfo(entry->ai_addr, entry->ai_addrlen, ip, sizeof ip, nullptr, 0, NI_NUMERICHOST) !=
        0) {
      continue;
    }
    if (auto address = SocketAddress::FromIp(ip, port)) out.push_back(*address);
  }
  freeaddrinfo(list);
  if (out.empty()) return Error(Code::kNotFound, "\"" + name + "\" has no address");
  return out;
}

}  // namespace

Task<Result<std::vector<SocketAddress>>> Resolve(async::ThreadPool& pool, std::string name,
                                                 uint16_t port) {
  if (name.find('\0') != name.npos || name.empty()) {
    co_return Error(Code::kInvalid, "this is not a host name");
  }
  if (const auto address = SocketAddress::FromIp(name, port)) {
    co_return std::vector<SocketAddress>{*address};
  }
  co_return co_await async::Offload(pool, [name, port] { return ResolveNow(name, port); });
}

}  // namespace cove::net
