// Sandboxes and snapshots as the API shows and takes them. Clients in Python, Go, Java and Ruby
// refuse an answer without the required fields, so all of these are always sent.
// Thread: pure functions.
#pragma once

#include "api/hosts.h"
#include "control/sandbox.h"
#include "json/json.h"

namespace cove::api {

json::Object SandboxDto(const control::Sandbox& sandbox, const Origin& origin);
// Cove's own `warnings`, in the answer to a request that asked for what has no effect.
void PutWarnings(json::Object& out, const std::vector<std::string>& warnings);
json::Object SnapshotDto(const control::Snapshot& snapshot);

// The body of a create request. kInvalid names the field; features that this server does not have
// are refused by name (kDenied is never used here; see Unsupported).
Result<control::CreateRequest> ParseCreate(const json::Object& body, const OrgId& org);

// Every field of a create that Cove or the contract knows.
std::span<const std::string_view> CreateFields();

// The first thing a create body asks for that this server does not have; empty when all is there.
std::string UnsupportedInCreate(const json::Object& body);

// The field `secrets` of a create and of PUT …/secrets: [{variable: name of a secret}, …].
Result<control::SecretMap> SecretsField(const json::Object& body);

// What `GET /sandbox` was asked for.
Result<control::ListQuery> ParseListQuery(const http::RequestHead& request);

}  // namespace cove::api
