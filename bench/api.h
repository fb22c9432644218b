// Api: one keep-alive connection to the server, blocking: the client that a careful program would
// use. Anything but a 2xx answer ends the benchmark with the answer's text. Thread: one at a time.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "harness.h"

namespace cove::bench {

class Api {
 public:
  // Takes --url and --key.
  explicit Api(const Options& options);
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  // The answer's body.
  std::string Call(const std::string& method, const std::string& path, const std::string& body);
  // The id of a new sandbox; `fields` are those of the request's body, "" or `"env":{...}`.
  std::string Create(const std::string& fields = "");
  // The output of `command`, JSON-quoted as it came.
  std::string Exec(const std::string& id, const std::string& command);
  void Delete(const std::string& id);

  // A request whose body is `head`, then `bytes` times the bytes of `piece` over and over, then
  // `tail`: so that no more than a piece is in our memory.
  void Upload(const std::string& path, const std::string& type, const std::string& head,
              uint64_t bytes, std::string_view piece, const std::string& tail);
  // Reads and drops an answer's body; gives its length.
  uint64_t Download(const std::string& path);

  // Opens a WebSocket on this connection; then frames of a few bytes at most.
  void OpenWebSocket(const std::string& path);
  void SendBinary(std::string_view bytes);  // under 126 bytes
  std::string ReceiveFrame();               // the payload

 private:
  void Send(std::string_view bytes);
  // Reads until the head is whole; gives it, and keeps what follows in in_.
  std::string ReceiveHead();
  void Fill();

  int fd_;
  std::string key_;
  std::string in_;
};

}  // namespace cove::bench
