// Egress policies and decisions as the API shows them. Thread: pure functions.
#pragma once

#include "control/policies.h"
#include "json/json.h"
#include "policy/explain.h"

namespace cove::api {

// {"text", "setBy", "updatedAt"}; all null where nothing was set.
void PutStoredPolicy(json::Object& out, const std::optional<control::StoredPolicy>& stored);
// From the outermost: {"layer", "holds", "default": {"default", "rules": […]} or null, "ceiling"}.
json::Array LayersDto(const policy::Policy& policy);
// {"allow", "reason", "message", "layer", "rule", …}
json::Object DecisionDto(const policy::Decision& decision);
json::Object ExplanationDto(const policy::Inquiry& inquiry, const policy::Explanation& explanation);

}  // namespace cove::api
