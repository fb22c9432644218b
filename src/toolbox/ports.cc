#include "toolbox/ports.h"

#include <fcntl.h>

#include <algorithm>

#include "base/text.h"
#include "proto/boot.h"

namespace cove::toolbox {
namespace {

using proto::toolbox::PortInfo;

constexpr std::string_view kListenState = "0A";
constexpr size_t kTableMax = 8 * 1024 * 1024;
constexpr seconds kConnectWait{5};

std::string ReadTable(const char* path) {
  const UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
  std::string text;
  char buffer[16 * 1024];
  while (fd && text.size() < kTableMax) {
    const ssize_t n = read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    text.append(buffer, static_cast<size_t>(n));
  }
  return text;
}

// Addresses are 32-bit words in host order, in hexadecimal.
bool IsLoopback(std::string_view address) {
  if (address.size() == 8) return address.ends_with("7F");
  return address == "00000000000000000000000001000000" ||
         (address.starts_with("0000000000000000FFFF0000") && address.ends_with("7F"));
}

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  for (const std::string_view word : Split(line, ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

bool IsOurs(uint16_t port) {
  return port == proto::boot::kTcpPort || port == proto::boot::kDnsPort;
}

}  // namespace

void ParseListeners(std::string_view table, std::vector<PortInfo>* ports) {
  for (const std::string_view line : Split(table, '\n')) {
    const auto words = Words(line);
    if (words.size() < 4 || words[3] != kListenState) continue;
    const size_t colon = words[1].find(':');
    if (colon == std::string_view::npos) continue;
    const auto port = ParseInt<uint16_t>(words[1].substr(colon + 1), 16);
    if (!port) continue;
    const bool loopback = IsLoopback(words[1].substr(0, colon));
    if (loopback && IsOurs(*port)) continue;
    const auto same = [&port](const PortInfo& p) { return p.port == *port; };
    const auto it = std::find_if(ports->begin(), ports->end(), same);
    if (it == ports->end()) {
      ports->push_back({*port, loopback});
    } else {
      it->loopback_only = it->loopback_only && loopback;
    }
  }
}

std::vector<PortInfo> ListPorts() {
  std::vector<PortInfo> ports;
  ParseListeners(ReadTable("/proc/net/tcp"), &ports);
  ParseListeners(ReadTable("/proc/net/tcp6"), &ports);
  std::sort(ports.begin(), ports.end(),
            [](const PortInfo& a, const PortInfo& b) { return a.port < b.port; });
  return ports;
}

Task<Result<void>> WatchPorts(SharedChannel& channel) {
  std::string last;
  for (bool first = true;; first = false) {
    proto::toolbox::Ports now;
    now.ports = ListPorts();
    std::string body = proto::Encode(now);
    if (first || body != last) {
      last = body;
      CO_RETURN_IF_ERROR(co_await channel.SendWhole(Type::kPorts, std::move(body)));
    }
    co_await async::Sleep(kPortPollInterval);
  }
}

Task<Result<void>> ConnectPort(const Shared& shared, SharedChannel& channel, uint16_t port) {
  if (port == 0 || IsOurs(port)) {
    co_return Error(Code::kInvalid, "port " + std::to_string(port) + " cannot be connected to");
  }
  std::string why;
  std::vector<const char*> addresses = {"127.0.0.1", "::1"};
  // Only in a sandbox is it an address of our own.
  if (!shared.spawner.confinement().standalone) addresses.push_back(proto::boot::kAddress4);
  for (const char* ip : addresses) {
    const auto address = net::SocketAddress::FromIp(ip, port);
    auto stream = co_await net::Connect(*address, Now() + kConnectWait);
    if (stream) {
      co_return co_await channel.SendWhole(Type::kConnected, {}, {(*stream)->fd()});
    }
    if (why.empty()) why = stream.error().message();
  }
  co_return Error(Code::kUnavailable,
                  "nothing answers on port " + std::to_string(port) + " in the sandbox: " + why);
}

}  // namespace cove::toolbox
