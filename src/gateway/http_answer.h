// What a client that speaks HTTP gets to read when the gateway refuses or cannot do what it asked.
// Thread: loop-confined.
#pragma once

#include "http/server.h"
#include "policy/reason.h"

namespace cove::gateway {

// 400, 403, 429, 502 or 503.
int ReasonStatus(policy::Reason reason);
// JSON: error, reason (policy::ReasonName), message, host, port.
std::string ReasonBody(policy::Reason reason, const std::string& host, uint16_t port);
// Both as an answer; the connection closes after it, where it is HTTP/1.
http::Task<void> AnswerReason(http::Exchange& exchange, policy::Reason reason, std::string host,
                              uint16_t port);

}  // namespace cove::gateway
