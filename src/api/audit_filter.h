// What a request wants to see of the audit or of the usage of models.
// Thread: pure functions.
#pragma once

#include "api/call.h"
#include "audit/query.h"

namespace cove::api {

// The query parameter sandboxId: a sandbox by id or name, none when absent. One that is gone still
// has rows, which administrators may see by its id. kNotFound: it is neither.
Result<SandboxId> SandboxQuery(const Call& call);

// A query parameter that is a time; kInvalid with its name when it is none.
Result<std::optional<WallTime>> TimeQuery(const Call& call, std::string_view name);

// sandboxId, since and until (ISO times), verdict ("allow", "deny"), kind, host, port, user,
// channel, method, path, secret, reason. Only administrators may leave sandboxId out, or give the
// beginning of an id, eight characters or more. kInvalid for what no record could have, with what
// one could.
Result<audit::Filter> AuditFilter(const Call& call);

}  // namespace cove::api
