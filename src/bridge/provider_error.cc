#include "bridge/provider_error.h"

#include "json/json.h"

namespace cove::bridge {

namespace {

std::string_view OpenAiType(int status) {
  if (status == 401) return "authentication_error";
  if (status == 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

std::string_view AnthropicType(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    default:
      return status >= 500 ? "api_error" : "invalid_request_error";
  }
}

// Source: the errors of InvokeModel in the reference of Bedrock's runtime API.
std::string_view BedrockType(int status) {
  switch (status) {
    case 401:
    case 403:
      return "AccessDeniedException";
    case 404:
      return "ResourceNotFoundException";
    case 429:
      return "ThrottlingException";
    case 501:
      return "UnsupportedOperationException";
    case 503:
      return "ServiceUnavailableException";
    default:
      return status >= 500 ? "InternalServerException" : "ValidationException";
  }
}

}  // namespace

http::ResponseHead ErrorHead(ProviderKind kind, const ProviderError& error) {
  http::ResponseHead head;
  head.status = error.status;
  head.headers.Set("Content-Type", "application/json");
  if (kind == ProviderKind::kBedrock) {
    head.headers.Set("x-amzn-ErrorType", std::string(BedrockType(error.status)));
  }
  if (error.status == 408) head.headers.Set("Connection", "close");  // its body goes on coming
  if (error.retry_after) {
    head.headers.Set("Retry-After", std::to_string(error.retry_after->count()));
  }
  return head;
}

std::string ErrorBody(ProviderKind kind, const ProviderError& error) {
  json::Object inner;
  json::Object outer;
  if (kind == ProviderKind::kBedrock) {
    outer["message"] = error.message;
    return json::Write(outer);
  }
  if (kind == ProviderKind::kOpenAi) {
    inner["message"] = error.message;
    inner["type"] = OpenAiType(error.status);
    inner["param"] = nullptr;
    inner["code"] = error.code;
  } else {
    outer["type"] = "error";
    inner["type"] = AnthropicType(error.status);
    inner["message"] = error.message;
  }
  outer["error"] = std::move(inner);
  return json::Write(outer);
}

}  // namespace cove::bridge
