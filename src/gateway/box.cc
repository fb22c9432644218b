#include "gateway/box.h"

namespace cove::gateway {

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
