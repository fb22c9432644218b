// Call: one authenticated request on its way through a handler. Thread: loop-confined.
#pragma once

#include <span>

#include "api/api.h"
#include "api/errors.h"
#include "api/hosts.h"
#include "api/pty.h"
#include "http/router.h"

namespace cove::api {

// A JSON body may be as large as one frame to a toolbox; files travel by other routes.
inline constexpr size_t kJsonBytesMax = 1024 * 1024;

// What all calls share; outlives them.
struct Context {
  Deps deps;
  Settings settings;
  std::unique_ptr<Ptys> ptys;
};

class Call {
 public:
  Call(const Context& context, http::Exchange& exchange, const http::PathParams& params,
       identity::Caller caller)
      : context_(context), exchange_(exchange), params_(params), caller_(std::move(caller)) {}
  Call(const Call&) = delete;

  const Context& context() const { return context_; }
  const Deps& deps() const { return context_.deps; }
  const Settings& settings() const { return context_.settings; }
  Ptys& ptys() const { return *context_.ptys; }
  http::Exchange& exchange() { return exchange_; }
  const http::RequestHead& request() const { return exchange_.request(); }
  const identity::Caller& caller() const { return caller_; }
  const std::string& Param(std::string_view name) const { return params_[name]; }
  Origin origin() const { return Origin::Of(request(), context_.settings.public_url); }

  // A query parameter, or kInvalid with its name when it is absent or empty.
  Result<std::string> RequiredQuery(std::string_view name) const;

  // The body as a JSON object; an empty body is an empty object, whatever its type (the SDK posts
  // empty forms). kInvalid with the position for broken JSON, kTooLarge past kJsonBytesMax.
  Task<Result<json::Object>> ReadJson();

  Task<Result<void>> Reply(int status, const json::Value& body);
  Task<Result<void>> ReplyEmpty(int status);
  // The feature is not in this server: 501 with a text that says so.
  Task<Result<void>> ReplyUnsupported(std::string what);

 private:
  const Context& context_;
  http::Exchange& exchange_;
  const http::PathParams& params_;
  identity::Caller caller_;
};

// What stands in `Authorization: Bearer`. kUnauthenticated says how to give a key.
Result<std::string> BearerOf(const http::RequestHead& request);
// Who makes this request, by that key.
Result<identity::Caller> Authenticate(const Context& context, const http::RequestHead& request);

bool IsAdmin(const Call& call);
// kDenied for a key that is not an administrator's.
Result<void> AdminsOnly(const Call& call);

// kDenied, naming the scope, for a caller without it.
Result<void> CheckMay(const identity::Caller& caller, std::string_view scope);

// The sandbox that the parameter {sandbox} (id or name) means to this caller.
Result<control::Sandbox> FindSandbox(Call& call);

// Reading fields of a body: nothing when absent or null, kInvalid with the field's name when it
// has another type.
Result<std::optional<std::string>> TextField(const json::Object& body, std::string_view name);
Result<std::optional<double>> NumberField(const json::Object& body, std::string_view name);
Result<std::optional<int>> IntField(const json::Object& body, std::string_view name);
Result<std::optional<bool>> BoolField(const json::Object& body, std::string_view name);
Result<std::map<std::string, std::string>> TextMapField(const json::Object& body,
                                                        std::string_view name);
// kInvalid when a field is most likely a slip of a known one: "memmory" would otherwise give the
// default limit and not a word. Other unknown fields pass, for clients newer than this server.
Result<void> CheckNoSlips(const json::Object& body, std::span<const std::string_view> known);
Result<std::vector<std::string>> TextListField(const json::Object& body, std::string_view name);
// The same, and it must be there and not empty.
Result<std::string> RequiredText(const json::Object& body, std::string_view name);

}  // namespace cove::api
