#include "gateway/passage.h"

#include "base/text.h"
#include "log/log.h"

namespace cove::gateway {

using policy::Reason;

Passage::Passage(Passages& all, Verdict verdict, Passages::Streams streams)
    : all_(all), verdict_(std::move(verdict)), streams_(streams), ledger_(*all.box_.deps.audit) {
  all_.open_.insert(this);
}

// On a connection of its own, the bytes since the last record belong to what was asked since.
Passage::~Passage() {
  all_.open_.erase(this);
  if (streams_ == Passages::Streams::kMany) return;
  const Counters& now = all_.counters_;
  ledger_.AddBytes(now.out - all_.settled_.out, now.in - all_.settled_.in);
  all_.settled_ = now;
}

// Where a rule is about requests, and wherever TLS was opened, each is a decision of its own.
Task<Passages::Opened> Passages::Open(Verdict verdict, const std::vector<std::string>& secrets,
                                      Streams streams, Route::Protocol protocol) {
  const policy::Decision& decision = verdict.decision;
  const bool alone = decision.by_request || decision.log_requests || judge_.origin().https();
  if (!alone && run_ != nullptr && run_->verdict_.host == verdict.host &&
      run_->verdict_.port == verdict.port && run_->verdict_.decision.limits == decision.limits) {
    const Reason limit = run_->ledger_.lease().TakeAnother();
    if (limit != Reason::kAllowed) co_return Opened{nullptr, limit};
    run_->verdict_ = std::move(verdict);
    co_return Opened{run_};
  }
  run_.reset();
  audit::Record record = judge_.Row(verdict);
  record.secrets = Join(secrets, ", ");
  auto passage = std::make_shared<Passage>(*this, std::move(verdict), streams);
  Ledger& ledger = passage->ledger_;
  const Verdict& what = passage->verdict_;
  const Reason limit = ledger.lease().TakeRequest(box_.usage, what.decision.limits, held_,
                                                  {what.host, what.port, protocol});
  if (limit != Reason::kAllowed) co_return Opened{nullptr, limit};
  const auto recorded = co_await ledger.Open(std::move(record));
  if (!recorded) {
    log::Error("gateway.audit_failed", {{"error", recorded.error().message()}});
    co_return Opened{nullptr, Reason::kAuditUnavailable};
  }
  if (!alone) run_ = passage;
  co_return Opened{std::move(passage)};
}

bool Passages::NoteRevoked() {
  bool found = false;
  for (Passage* passage : open_) {
    if (judge_.StillAllowed(passage->verdict_, passage->ledger_.lease())) continue;
    passage->ledger_.set_outcome(Reason::kRevoked);
    found = true;
  }
  return found;
}

void Passages::NoteAllRevoked() {
  for (Passage* passage : open_) passage->ledger_.set_outcome(Reason::kRevoked);
}

}  // namespace cove::gateway
