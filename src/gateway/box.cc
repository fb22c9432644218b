#include "gateway/box.h"

namespace cove::gateway {

void Box::Denied(audit::Record record, policy::Reason reason, const std::string& key) {
  const auto repeats = rows.Admit(key, Now());
  if (!repeats) return;
  record.kind = audit::Kind::kDecision;
  record.sandbox = id;
  record.allow = false;
  record.reason = policy::ReasonName(reason);
  record.repeats = *repeats;
  deps.audit->AppendLater(std::move(record));
}

}  // namespace cove::gateway
