#include "api.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <vector>

namespace cove::bench {
namespace {

uint64_t ContentLength(const std::string& head) {
  for (const char* name : {"\r\nContent-Length: ", "\r\ncontent-length: "}) {
    const size_t at = head.find(name);
    if (at != std::string::npos) return std::strtoull(&head[at + std::strlen(name)], nullptr, 10);
  }
  return 0;
}

}  // namespace

Api::Api(const Options& options) : key_(options.Text("key")) {
  const std::string& url = options.Text("url");
  if (url.rfind("http://127.0.0.1:", 0) != 0) Die("--url must be http://127.0.0.1:PORT");
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(url.c_str() + url.rfind(':') + 1)));
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) Die("no server");
  const int one = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

Api::~Api() { close(fd_); }

void Api::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) Die("the server closed the connection while we sent");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

void Api::Fill() {
  char buffer[65536];
  const ssize_t n = read(fd_, buffer, sizeof buffer);
  if (n <= 0) Die("the server closed the connection: " + in_);
  in_.append(buffer, static_cast<size_t>(n));
}

std::string Api::ReceiveHead() {
  size_t end = 0;
  while ((end = in_.find("\r\n\r\n")) == std::string::npos) Fill();
  std::string head = in_.substr(0, end + 4);
  in_.erase(0, end + 4);
  return head;
}

std::string Api::Call(const std::string& method, const std::string& path, const std::string& body) {
  Send(method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + key_ +
       "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
       "\r\n\r\n" + body);
  const std::string head = ReceiveHead();
  const uint64_t length = ContentLength(head);
  while (in_.size() < length) Fill();
  std::string answer = in_.substr(0, length);
  in_.erase(0, length);
  if (head.compare(0, 10, "HTTP/1.1 2") != 0) {
    Die(method + " " + path + ": " + head.substr(0, head.find('\r')) + " " + answer);
  }
  return answer;
}

std::string Api::Create(const std::string& fields) {
  const std::string box = Call("POST", "/api/sandbox", "{" + fields + "}");
  const size_t at = box.find("\"id\":\"");
  if (at == std::string::npos) Die("no id in " + box);
  return box.substr(at + 6, 36);
}

std::string Api::Exec(const std::string& id, const std::string& command) {
  return Call("POST", "/toolbox/" + id + "/process/execute", R"({"command":")" + command + "\"}");
}

void Api::Delete(const std::string& id) { Call("DELETE", "/api/sandbox/" + id, ""); }

void Api::Upload(const std::string& path, const std::string& type, const std::string& head,
                 uint64_t bytes, std::string_view piece, const std::string& tail) {
  Send("POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + key_ +
       "\r\nContent-Type: " + type + "\r\nContent-Length: " +
       std::to_string(head.size() + bytes + tail.size()) + "\r\n\r\n" + head);
  for (uint64_t left = bytes; left > 0;) {
    const std::string_view now = piece.substr(0, std::min<uint64_t>(left, piece.size()));
    Send(now);
    left -= now.size();
  }
  Send(tail);
  const std::string answer = ReceiveHead();
  const uint64_t length = ContentLength(answer);
  while (in_.size() < length) Fill();
  if (answer.compare(0, 12, "HTTP/1.1 200") != 0) Die(path + ": " + answer + in_);
  in_.erase(0, length);
}

uint64_t Api::Download(const std::string& path) {
  Send("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + key_ +
       "\r\n\r\n");
  const std::string head = ReceiveHead();
  if (head.compare(0, 12, "HTTP/1.1 200") != 0) Die(path + ": " + head + in_);
  const uint64_t length = ContentLength(head);
  uint64_t have = in_.size();
  in_.clear();
  std::vector<char> buffer(1 << 20);
  while (have < length) {
    const ssize_t n = read(fd_, buffer.data(), buffer.size());
    if (n <= 0) Die("the download was cut at " + std::to_string(have));
    have += static_cast<uint64_t>(n);
  }
  return have;
}

void Api::OpenWebSocket(const std::string& path) {
  Send("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + key_ +
       "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
       "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");
  const std::string head = ReceiveHead();
  if (head.compare(0, 12, "HTTP/1.1 101") != 0) Die(path + ": " + head);
}

// A client's frames are masked (RFC 6455, section 5.3); a mask of zeros leaves the bytes alone.
void Api::SendBinary(std::string_view bytes) {
  std::string frame = "\x82";
  frame += static_cast<char>(0x80 | bytes.size());
  frame.append(4, '\0');
  frame += bytes;
  Send(frame);
}

std::string Api::ReceiveFrame() {
  const auto byte = [this](size_t at) {
    while (in_.size() <= at) Fill();
    return static_cast<unsigned char>(in_[at]);
  };
  size_t begin = 2;
  size_t size = byte(1) & 0x7F;
  if (size == 126) {
    size = static_cast<size_t>(byte(2) << 8 | byte(3));
    begin = 4;
  }
  if (size == 127) Die("a frame of a terminal is over 64 KiB");
  while (in_.size() < begin + size) Fill();
  std::string payload = in_.substr(begin, size);
  in_.erase(0, begin + size);
  return payload;
}

}  // namespace cove::bench
