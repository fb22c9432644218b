// ApiClient speaks to a Cove server as any other client does: by HTTP, with an API key.
// Errors carry the server's own text; a server that does not answer is kUnavailable with what to
// do. Thread: loop-confined. The http client must outlive it.
#pragma once

#include <optional>
#include <string>

#include "http/client.h"
#include "http/websocket.h"
#include "json/json.h"

namespace cove::agents {

using async::Task;

struct ApiRequest {
  std::string method = "GET";
  std::string path;  // "/api/sandbox?limit=10", "/toolbox/ID/process/session"
  std::optional<json::Value> body;
  Duration timeout = seconds(60);  // until the answer starts
};

class ApiClient {
 public:
  ApiClient(http::Client& http, http::Url server, std::string key);

  // The answer's JSON; null when its body is empty.
  Task<Result<json::Value>> Call(ApiRequest request);
  // The same, and it must be an object.
  Task<Result<json::Object>> CallForObject(ApiRequest request);
  // An answer that is read as it comes.
  Task<Result<std::unique_ptr<http::ClientResponse>>> Open(ApiRequest request);
  Task<Result<std::unique_ptr<http::WebSocket>>> OpenWebSocket(std::string path);

  std::string server() const;  // "http://127.0.0.1:3986"

 private:
  http::ClientRequest MakeRequest(const std::string& method, const std::string& path) const;
  Error Unreachable(Error error) const;
  http::Client& http_;
  http::Url server_;
  std::string key_;
};

// What an HTTP error status means for us.
Code CodeOfStatus(int status);

}  // namespace cove::agents
