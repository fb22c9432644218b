#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstdlib>

#include "ai/ai.h"

namespace cove::bench {

std::vector<Way> ReadWays(const Options& options) {
  std::vector<Way> out;
  for (const auto& [name, how] : options.peers()) {
    const size_t slash = how.find('/');
    if (slash == how.npos) Die("a way is PORT/PATH: " + how);
    out.push_back(
        {name, static_cast<uint16_t>(std::stoi(how)), how.substr(slash), options.Number(name, 0)});
  }
  return out;
}

UniqueFd Dial(const Way& way) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(way.port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int one = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    Die("cannot connect: " + way.name);
  }
  return fd;
}

std::string Request(const Way& way, std::string_view model) {
  const char* key = std::getenv("COVE_ADMIN_KEY");
  std::string body = "{\"model\":\"" + std::string(model) + "\",\"messages\":[{\"role\":\"user\",";
  body += "\"content\":\"" + std::string(1000, 'x') + "\"}]";
  if (model != "small") body += ",\"stream\":true,\"stream_options\":{\"include_usage\":true}";
  body += "}";
  return "POST " + way.path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(way.port) +
         "\r\nContent-Type: application/json\r\nAuthorization: Bearer " + (key ? key : "none") +
         "\r\nx-portkey-provider: openai\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nUser-Agent: bench\r\n" +
         (way.name == "Portkey"
              ? std::string("x-portkey-custom-host: ") + std::getenv("COVE_BENCH_PROVIDER") + "\r\n"
              : std::string()) +
         "\r\n" + body;
}

}  // namespace cove::bench
