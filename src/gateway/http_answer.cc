#include "gateway/http_answer.h"

#include <boost/json/object.hpp>

#include "audit/record.h"
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
    case Reason::kHelloTimeout:
      return 408;
    default:
      return 403;
  }
}

std::string ReasonBody(Reason reason, const std::string& host, uint16_t port,
                       std::string_view detail) {
  json::Object body;
  body.emplace("error", ReasonStatus(reason) == 502 ? "egress_failed" : "egress_denied");
  body.emplace("reason", policy::ReasonName(reason));
  body.emplace("message", policy::ReasonText(reason));
  if (!host.empty()) body.emplace("host", host);
  body.emplace("port", port);
  if (!detail.empty()) body.emplace("detail", audit::CleanText(detail));
  return json::Write(body) + "\n";
}

http::Task<void> AnswerReason(http::Exchange& exchange, Reason reason, std::string host,
                              uint16_t port, std::string detail) {
  http::ResponseHead head;
  head.status = ReasonStatus(reason);
  head.headers.Add("Content-Type", std::string(kReasonType));
  head.headers.Add("Connection", "close");
  (void)co_await exchange.Respond(std::move(head), ReasonBody(reason, host, port, detail));
}

}  // namespace cove::gateway
