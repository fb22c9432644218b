#include "gateway/box.h"

namespace cove::gateway {

Box::~Box() {
  const uint64_t left_out = rows.TakeLeftOut();
  if (left_out == 0) return;
  audit::Record record = NewRecord("tcp");
  record.reason = policy::ReasonName(policy::Reason::kLimit);
  record.detail = "denials that have no row of their own";
  record.repeats = left_out;
  deps.audit->AppendLater(std::move(record));
}

audit::Record Box::NewRecord(std::string channel) const {
  audit::Record record;
  record.sandbox = id;
  record.user = user;
  record.channel = std::move(channel);
  return record;
}

void Box::Denied(audit::Record record, policy::Reason reason, const std::string& key) {
  const auto repeats = rows.Admit(key, Now());
  if (!repeats) return;
  record.kind = audit::Kind::kDecision;
  record.allow = false;
  record.reason = policy::ReasonName(reason);
  record.repeats = *repeats;
  deps.audit->AppendLater(std::move(record));
}

}  // namespace cove::gateway
