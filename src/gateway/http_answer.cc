#include "gateway/http_answer.h"

#include <boost/json/object.hpp>

#include "json/json.h"

namespace cove::gateway {

using policy::Reason;

int ReasonStatus(Reason reason) {
  switch (reason) {
    case Reason::kMalformed:
    case Reason::kBadName:
    case Reason::kNoName:
      return 400;
    case Reason::kResolveFailed:
    case Reason::kDialFailed:
    case Reason::kBroken:
      return 502;
    case Reason::kAuditUnavailable:
    case Reason::kPolicyUnavailable:
      return 503;
    case Reason::kTooFast:
      return 429;
    default:
      return 403;
  }
}

std::string ReasonBody(Reason reason, const std::string& host, uint16_t port) {
  json::Object body;
  body.emplace("error", ReasonStatus(reason) == 502 ? "egress_failed" : "egress_denied");
  body.emplace("reason", policy::ReasonName(reason));
  body.emplace("message", policy::ReasonText(reason));
  if (!host.empty()) body.emplace("host", host);
  body.emplace("port", port);
  return json::Write(body) + "\n";
}

http::Task<void> AnswerReason(http::Exchange& exchange, Reason reason, std::string host,
                              uint16_t port) {
  http::ResponseHead head;
  head.status = ReasonStatus(reason);
  head.headers.Add("Content-Type", "application/json");
  head.headers.Add("Connection", "close");
  (void)co_await exchange.Respond(std::move(head), ReasonBody(reason, host, port));
}

}  // namespace cove::gateway
