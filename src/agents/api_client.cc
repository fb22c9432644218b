#include "agents/api_client.h"

#include "base/text.h"

namespace cove::agents {

namespace {

constexpr size_t kAnswerBytesMax = 64 * 1024 * 1024;

// The server's errors are {statusCode, message, …}; anything else is shown as it is, shortened.
Error ErrorOf(int status, const std::string& body) {
  std::string message;
  if (auto parsed = json::ParseObject(body)) {
    message = json::GetString(*parsed, "message").value_or("");
  }
  if (message.empty()) {
    message = "the server answered " + std::to_string(status);
    if (!body.empty()) message += ": " + body.substr(0, 200);
  }
  return Error(CodeOfStatus(status), std::move(message));
}

}  // namespace

Code CodeOfStatus(int status) {
  switch (status) {
    case 400:
    case 405:
    case 422:
      return Code::kInvalid;
    case 401:
      return Code::kUnauthenticated;
    case 403:
      return Code::kDenied;
    case 404:
      return Code::kNotFound;
    case 408:
    case 504:
      return Code::kTimeout;
    case 409:
      return Code::kConflict;
    case 410:
      return Code::kGone;
    case 413:
      return Code::kTooLarge;
    case 429:
    case 507:
      return Code::kExhausted;
    case 502:
    case 503:
      return Code::kUnavailable;
    default:
      return Code::kInternal;
  }
}

ApiClient::ApiClient(http::Client& http, http::Url server, std::string key)
    : http_(http), server_(std::move(server)), key_(std::move(key)) {}

std::string ApiClient::server() const { return server_.scheme + "://" + server_.HostHeader(); }

http::ClientRequest ApiClient::MakeRequest(const std::string& method,
                                           const std::string& path) const {
  http::ClientRequest out;
  out.method = method;
  out.url = server_;
  out.url.target = path;
  out.headers.Set("Authorization", "Bearer " + key_);
  out.headers.Set("User-Agent", "cove/" COVE_VERSION);
  return out;
}

Error ApiClient::Unreachable(Error error) const {
  return Error(Code::kUnavailable, "no Cove server answers at " + server() + " (" +
                                       error.message() +
                                       "); start one with `cove serve`, or set COVE_URL");
}

Task<Result<std::unique_ptr<http::ClientResponse>>> ApiClient::Open(ApiRequest request) {
  http::ClientRequest send = MakeRequest(request.method, request.path);
  send.head_deadline = Now() + request.timeout;
  if (request.body) {
    send.headers.Set("Content-Type", "application/json");
    send.body = json::Write(*request.body);
  }
  auto response = co_await http_.Send(std::move(send));
  if (!response) {
    if (response.error().code() == Code::kTimeout) co_return std::move(response).error();
    co_return Unreachable(std::move(response).error());
  }
  const int status = (*response)->head().status;
  if (status < 400) co_return std::move(*response);
  auto body = co_await http::ReadAll((*response)->body(), kAnswerBytesMax);
  if (!body) co_return std::move(body).error().Wrap("reading the server's answer");
  co_return ErrorOf(status, *body);
}

Task<Result<json::Value>> ApiClient::Call(ApiRequest request) {
  CO_ASSIGN_OR_RETURN(const auto response, co_await Open(std::move(request)));
  auto body = co_await http::ReadAll(response->body(), kAnswerBytesMax);
  if (!body) co_return std::move(body).error().Wrap("reading the server's answer");
  if (Trim(*body).empty()) co_return json::Value(nullptr);
  co_return json::Parse(*body);
}

Task<Result<json::Object>> ApiClient::CallForObject(ApiRequest request) {
  const std::string what = request.method + " " + request.path;
  auto value = co_await Call(std::move(request));
  if (!value) co_return std::move(value).error();
  if (!value->is_object()) {
    co_return Error(Code::kInternal, "the server's answer to " + what + " is no JSON object");
  }
  co_return std::move(value->as_object());
}

Task<Result<std::unique_ptr<http::WebSocket>>> ApiClient::OpenWebSocket(std::string path) {
  http::ClientRequest send = MakeRequest("GET", path);
  send.head_deadline = Now() + seconds(30);
  co_return co_await http::ConnectWebSocket(http_, std::move(send));
}

}  // namespace cove::agents
