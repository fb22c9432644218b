#include "api/policy_dto.h"

namespace cove::api {
namespace {

json::Value DocumentDto(const std::shared_ptr<const policy::Document>& document) {
  if (document == nullptr) return nullptr;
  json::Array rules;
  for (const policy::Rule& rule : document->rules) rules.emplace_back(rule.text);
  json::Object out;
  out["default"] = document->standard == policy::Effect::kAllow ? "allow" : "deny";
  out["rules"] = std::move(rules);
  return out;
}

json::Value ModelsDto(const std::shared_ptr<const policy::ModelRules>& rules) {
  if (rules == nullptr) return nullptr;
  const auto list = [](const std::vector<std::string>& texts) {
    json::Array out;
    for (const std::string& text : texts) out.emplace_back(text);
    return out;
  };
  json::Object out;
  if (!rules->allow.empty()) out["allow"] = list(rules->allow);
  if (!rules->deny.empty()) out["deny"] = list(rules->deny);
  if (rules->hosted_tools) out["hosted_tools"] = list(*rules->hosted_tools);
  if (!rules->deny_parameters.empty()) out["deny_parameters"] = list(rules->deny_parameters);
  return out;
}

}  // namespace

void PutStoredPolicy(json::Object& out, const std::optional<control::StoredPolicy>& stored) {
  out["text"] = stored ? json::Value(stored->text) : json::Value(nullptr);
  out["setBy"] = stored ? json::Value(stored->set_by) : json::Value(nullptr);
  out["updatedAt"] = stored ? json::Value(FormatIso(stored->updated_at)) : json::Value(nullptr);
}

json::Array LayersDto(const policy::Policy& policy) {
  json::Array out;
  const policy::LayerPolicy* holds = nullptr;
  for (const policy::LayerPolicy& layer : policy.layers()) {
    if (layer.standard != nullptr) holds = &layer;
  }
  for (const policy::LayerPolicy& layer : policy.layers()) {
    const bool models = layer.models != nullptr || layer.models_ceiling != nullptr;
    if (layer.standard == nullptr && layer.ceiling == nullptr && !models) continue;
    json::Object one;
    one["layer"] = policy::LayerName(layer.layer);
    one["holds"] = &layer == holds;
    one["default"] = DocumentDto(layer.standard);
    one["ceiling"] = DocumentDto(layer.ceiling);
    one["models"] = ModelsDto(layer.models);
    one["modelsCeiling"] = ModelsDto(layer.models_ceiling);
    out.push_back(std::move(one));
  }
  return out;
}

json::Object DecisionDto(const policy::Decision& decision) {
  json::Object out;
  out["allow"] = decision.allow;
  out["reason"] = policy::ReasonName(decision.reason);
  out["message"] = policy::ReasonText(decision.reason);
  out["layer"] = policy::LayerName(decision.layer);
  out["rule"] = decision.rule;
  out["inspect"] = decision.inspect;
  json::Array credentials;
  for (const std::string& name : decision.credentials) credentials.emplace_back(name);
  out["credentials"] = std::move(credentials);
  return out;
}

json::Object ExplanationDto(const policy::Inquiry& inquiry,
                            const policy::Explanation& explanation) {
  json::Object out = DecisionDto(explanation.decision);
  out["stage"] = policy::StageName(explanation.stage);
  out["host"] = inquiry.host;
  out["port"] = inquiry.port;
  out["method"] = inquiry.method;
  out["target"] = inquiry.target;
  json::Array steps;
  for (const policy::Step& step : explanation.steps) {
    json::Object one;
    one["layer"] = policy::LayerName(step.layer);
    one["part"] = step.part == policy::Step::Part::kCeiling ? "ceiling" : "default";
    one["allow"] = step.decision.allow;
    one["reason"] = policy::ReasonName(step.decision.reason);
    one["rule"] = step.decision.rule;
    steps.push_back(std::move(one));
  }
  out["steps"] = std::move(steps);
  if (!explanation.by_address) return out;
  json::Array places;
  for (const policy::Explanation::Place& place : explanation.places) {
    json::Object one;
    one["address"] = place.address.ToString();
    one["kind"] = policy::AddressClassName(place.kind);
    one["open"] = place.open;
    places.push_back(std::move(one));
  }
  out["addresses"] = std::move(places);
  return out;
}

}  // namespace cove::api
