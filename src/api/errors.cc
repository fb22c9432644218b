#include "api/errors.h"

#include "base/clock.h"
#include "json/json.h"

namespace cove::api {
namespace {

std::string_view SourceOf(Area area) {
  switch (area) {
    case Area::kControl:
      return "DAYTONA_API";
    case Area::kProxy:
      return "DAYTONA_PROXY";
    case Area::kProcess:
    case Area::kFiles:
    case Area::kToolbox:
      return "DAYTONA_DAEMON";
  }
  return "DAYTONA_API";
}

Fault Base(Code code) {
  switch (code) {
    case Code::kInvalid:
      return {400, "BAD_REQUEST", {}};
    case Code::kUnauthenticated:
      return {401, "UNAUTHORIZED", {}};
    case Code::kDenied:
      return {403, "FORBIDDEN", {}};
    case Code::kNotFound:
      return {404, "NOT_FOUND", {}};
    case Code::kConflict:
      return {409, "CONFLICT", {}};
    case Code::kGone:
      return {410, "GONE", {}};
    case Code::kTooLarge:
      return {413, "PAYLOAD_TOO_LARGE", {}};
    case Code::kExhausted:
      return {507, "INSUFFICIENT_STORAGE", {}};
    case Code::kTimeout:
      return {504, "REQUEST_TIMEOUT", {}};
    case Code::kUnavailable:
      return {503, "SERVICE_UNAVAILABLE", {}};
    case Code::kClosed:
      return {502, "BAD_GATEWAY", {}};
    case Code::kIo:
    case Code::kInternal:
      return {500, "INTERNAL_SERVER_ERROR", {}};
  }
  return {500, "INTERNAL_SERVER_ERROR", {}};
}

Fault OfFiles(Code code) {
  switch (code) {
    case Code::kInvalid:
      return {400, "INVALID_FILE_PATH", {}};
    case Code::kDenied:
      return {403, "FILE_ACCESS_DENIED", {}};
    case Code::kNotFound:
      return {404, "FILE_NOT_FOUND", {}};
    case Code::kIo:
      return {500, "FILE_READ_FAILED", {}};
    default:
      return Base(code);
  }
}

Fault OfProcess(Code code) {
  switch (code) {
    case Code::kGone:
      return {410, "COMMAND_ALREADY_COMPLETED", {}};
    case Code::kTimeout:
      return {408, "PROCESS_EXECUTION_TIMEOUT", {}};
    default:
      return Base(code);
  }
}

}  // namespace

Fault FaultOf(Code code, Area area) {
  Fault fault = area == Area::kFiles     ? OfFiles(code)
                : area == Area::kProcess ? OfProcess(code)
                                         : Base(code);
  // Through the proxy a peer that cannot be reached is a bad gateway.
  if (area == Area::kProxy && code == Code::kUnavailable) fault = {502, "BAD_GATEWAY", {}};
  fault.source = SourceOf(area);
  return fault;
}

std::string FaultBody(const Fault& fault, std::string_view message,
                      const http::RequestHead& request) {
  json::Object body;
  body["statusCode"] = fault.status;
  body["message"] = message;
  body["error"] = http::ReasonPhrase(fault.status);
  body["code"] = fault.code;
  body["source"] = fault.source;
  body["path"] = request.RawPath();
  body["method"] = request.method;
  body["timestamp"] = FormatIso(WallNow());
  return json::Write(body);
}

Task<Result<void>> SendFault(http::Exchange& exchange, Fault fault, std::string message) {
  http::ResponseHead head;
  head.status = fault.status;
  head.headers.Add("Content-Type", "application/json");
  if (fault.status == 401) head.headers.Add("WWW-Authenticate", "Bearer");
  std::string body = FaultBody(fault, message, exchange.request());
  co_return co_await exchange.Respond(std::move(head), std::move(body));
}

Task<void> SendError(http::Exchange& exchange, Error error, Area area) {
  if (exchange.answered()) co_return;
  // The client may be gone; there is nobody left to tell.
  (void)co_await SendFault(exchange, FaultOf(error.code(), area), error.message());
}

}  // namespace cove::api
