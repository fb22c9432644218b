#include "gateway/ledger.h"

#include "base/text.h"

namespace cove::gateway {

Task<Result<void>> Ledger::Open(audit::Record decision) {
  decision.kind = audit::Kind::kDecision;
  decision.allow = true;
  record_ = decision;
  CO_ASSIGN_OR_RETURN(decision_, co_await log_.Append(std::move(decision)));
  co_return Ok();
}

Ledger::~Ledger() {
  if (decision_ == 0) return;
  audit::Record close = audit::CloseOf(std::move(record_));
  close.decision = decision_;
  close.reason = policy::ReasonName(outcome_);
  close.detail = std::move(detail_);
  close.address = std::move(address_);
  close.secrets = Join(secrets_, ", ");
  close.bytes_out = bytes_out_;
  close.bytes_in = bytes_in_;
  close.requests = requests_;
  close.duration_micros = std::chrono::duration_cast<microseconds>(Now() - start_).count();
  log_.AppendLater(std::move(close));
}

}  // namespace cove::gateway
