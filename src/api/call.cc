#include "api/call.h"

#include "base/nearest.h"
#include "base/text.h"

namespace cove::api {
namespace {

Error WrongType(std::string_view name, std::string_view wanted) {
  return Error(Code::kInvalid,
               "the field '" + std::string(name) + "' must be " + std::string(wanted));
}

const json::Value* Present(const json::Object& body, std::string_view name) {
  const json::Value* value = json::Find(body, name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

}  // namespace

Result<std::string> Call::RequiredQuery(std::string_view name) const {
  auto value = request().Query(name);
  if (!value || value->empty()) {
    return Error(Code::kInvalid, "the query parameter '" + std::string(name) + "' is missing");
  }
  return *std::move(value);
}

Task<Result<json::Object>> Call::ReadJson() {
  const auto length = exchange_.body().length();
  const std::string limit = std::to_string(kJsonBytesMax / 1024) + " KiB";
  if (length && *length > kJsonBytesMax) {
    co_return Error(Code::kTooLarge, "the body is too large: at most " + limit + " here");
  }
  auto text = co_await http::ReadAll(exchange_.body(), kJsonBytesMax);
  if (!text && text.error().code() == Code::kTooLarge) {
    co_return Error(Code::kTooLarge, "the body is too large: at most " + limit + " here");
  }
  if (!text) co_return std::move(text).error();
  if (Trim(*text).empty()) co_return json::Object();
  auto object = json::ParseObject(*text);
  if (!object) co_return std::move(object).error().Wrap("the body must be a JSON object");
  co_return *std::move(object);
}

Task<Result<void>> Call::Reply(int status, const json::Value& body) {
  http::ResponseHead head;
  head.status = status;
  head.headers.Add("Content-Type", "application/json");
  // The text is made before the first suspension, while `body` surely lives.
  return exchange_.Respond(std::move(head), json::Write(body));
}

Task<Result<void>> Call::ReplyEmpty(int status) {
  http::ResponseHead head;
  head.status = status;
  return exchange_.Respond(std::move(head), {});
}

Task<Result<void>> Call::ReplyUnsupported(std::string what) {
  return SendFault(exchange_, {501, "NOT_IMPLEMENTED", "DAYTONA_API"},
                   what + ": this version of Cove does not have it");
}

Result<std::string> BearerOf(const http::RequestHead& request) {
  constexpr std::string_view kScheme = "bearer ";
  const auto header = request.headers.Get("Authorization");
  if (!header) {
    return Error(Code::kUnauthenticated,
                 "no API key was given: send it as 'Authorization: Bearer <key>'");
  }
  if (header->size() <= kScheme.size() ||
      !EqualsIgnoreCase(header->substr(0, kScheme.size()), kScheme)) {
    return Error(Code::kUnauthenticated, "the Authorization header must be 'Bearer <API key>'");
  }
  return std::string(Trim(header->substr(kScheme.size())));
}

Result<identity::Caller> Authenticate(const Context& context, const http::RequestHead& request) {
  ASSIGN_OR_RETURN(const std::string key, BearerOf(request));
  return context.deps.keys->Verify(key);
}

bool IsAdmin(const Call& call) { return call.caller().role == identity::Role::kAdmin; }

Result<void> AdminsOnly(const Call& call) {
  if (IsAdmin(call)) return Ok();
  return Error(Code::kDenied, "only an administrator's key may ask this");
}

Result<void> CheckMay(const identity::Caller& caller, std::string_view scope) {
  if (caller.May(scope)) return Ok();
  return Error(Code::kDenied,
               "the API key '" + caller.key_name + "' lacks the scope " + std::string(scope));
}

Result<control::Sandbox> FindSandbox(Call& call) {
  return call.deps().sandboxes->Get(call.caller().org, call.Param("sandbox"));
}

Result<std::optional<std::string>> TextField(const json::Object& body, std::string_view name) {
  const json::Value* value = Present(body, name);
  if (value == nullptr) return std::optional<std::string>();
  if (!value->is_string()) return WrongType(name, "text");
  return std::optional<std::string>(std::string(value->as_string()));
}

Result<std::optional<double>> NumberField(const json::Object& body, std::string_view name) {
  const json::Value* value = Present(body, name);
  if (value == nullptr) return std::optional<double>();
  if (!value->is_number()) return WrongType(name, "a number");
  return json::GetNumber(body, name);
}

Result<std::optional<int>> IntField(const json::Object& body, std::string_view name) {
  const json::Value* value = Present(body, name);
  if (value == nullptr) return std::optional<int>();
  const auto number = json::GetInt(body, name);
  if (!number || *number < INT32_MIN || *number > INT32_MAX) {
    return WrongType(name, "a whole number");
  }
  return std::optional<int>(static_cast<int>(*number));
}

Result<std::optional<bool>> BoolField(const json::Object& body, std::string_view name) {
  const json::Value* value = Present(body, name);
  if (value == nullptr) return std::optional<bool>();
  if (!value->is_bool()) return WrongType(name, "true or false");
  return std::optional<bool>(value->as_bool());
}

Result<std::map<std::string, std::string>> TextMapField(const json::Object& body,
                                                        std::string_view name) {
  std::map<std::string, std::string> out;
  const json::Value* value = Present(body, name);
  if (value == nullptr) return out;
  if (!value->is_object()) return WrongType(name, "an object of texts");
  for (const auto& [key, item] : value->as_object()) {
    if (!item.is_string()) return WrongType(name, "an object of texts");
    out[std::string(key)] = std::string(item.as_string());
  }
  return out;
}

Result<void> CheckNoSlips(const json::Object& body, std::span<const std::string_view> known) {
  for (const auto& field : body) {
    if (field.value().is_null()) continue;
    const std::string_view name(field.key().data(), field.key().size());
    const std::string_view meant = NearMiss(name, known);
    if (meant.empty()) continue;
    // "snapshotId" is no slip of "snapshot".
    const bool longer = name.starts_with(meant) && name.size() > meant.size();
    if (longer && name[meant.size()] >= 'A' && name[meant.size()] <= 'Z') continue;
    return Error(Code::kInvalid, "there is no field '" + std::string(name) + "': write '" +
                                     std::string(meant) + "' if that is meant, or leave it out");
  }
  return Ok();
}

Result<std::vector<std::string>> TextListField(const json::Object& body, std::string_view name) {
  std::vector<std::string> out;
  const json::Value* value = Present(body, name);
  if (value == nullptr) return out;
  if (!value->is_array()) return WrongType(name, "a list of texts");
  for (const json::Value& item : value->as_array()) {
    if (!item.is_string()) return WrongType(name, "a list of texts");
    out.emplace_back(item.as_string());
  }
  return out;
}

Result<std::string> RequiredText(const json::Object& body, std::string_view name) {
  ASSIGN_OR_RETURN(auto value, TextField(body, name));
  if (!value || value->empty()) {
    return Error(Code::kInvalid, "the field '" + std::string(name) + "' is missing or empty");
  }
  return *std::move(value);
}

}  // namespace cove::api
