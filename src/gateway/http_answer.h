// What a client that speaks HTTP gets to read when the gateway refuses or cannot do what it asked.
// Thread: loop-confined.
#pragma once

#include "http/server.h"
#include "policy/reason.h"

namespace cove::gateway {

// 400, 403, 408, 429, 502 or 503.
int ReasonStatus(policy::Reason reason);
// JSON: error, reason (policy::ReasonName), message, host, port, and what exactly is wrong, where
// that is known, as detail.
inline constexpr std::string_view kReasonType = "application/json";
std::string ReasonBody(policy::Reason reason, const std::string& host, uint16_t port,
                       std::string_view detail = {});
// Both as an answer; the connection closes after it, where it is HTTP/1.
http::Task<void> AnswerReason(http::Exchange& exchange, policy::Reason reason, std::string host,
                              uint16_t port, std::string detail = {});

}  // namespace cove::gateway
