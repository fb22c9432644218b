// One document's answer to one question; the pieces that Policy puts together.
// Thread: pure functions.
#pragma once

#include <optional>
#include <vector>

#include "policy/document.h"
#include "policy/reason.h"

namespace cove::policy {

// What is known. About a name (`host`, canonical) or, without one, about an address.
struct Question {
  std::string_view host;
  const Address* address = nullptr;
  std::optional<uint16_t> port;       // absent: any would do
  std::string_view method;            // empty: not known yet
  const RequestPath* path = nullptr;  // null with a method: it cannot be read

  bool KnowsRequest() const { return !method.empty(); }
};

struct Answer {
  enum class Kind { kDeny, kAllow, kByRequest };
  Kind kind = Kind::kDeny;
  Reason reason = Reason::kNoRule;
  const Rule* rule = nullptr;  // that decided or came nearest; null: the default did
  bool inspect = false;        // a rule about this connection wants TLS opened
  // All the allowing rules that fit and say more than that.
  std::vector<const Rule*> details;
};

Answer Ask(const Document& document, const Question& question);
// The same of the document that grants: its default of allow covers no resolver that hides names
// (encrypted_dns.h). A ceiling's does: it only cuts what was granted.
Answer AskDefault(const Document& document, const Question& question);

}  // namespace cove::policy
