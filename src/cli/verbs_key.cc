// `cove key`: the API keys of the server.
#include "base/text.h"
#include "cli/context.h"

namespace cove::cli {

namespace {

using agents::ApiRequest;

Task<int> ListKeys(Context& context) {
  ApiRequest request;
  request.path = "/api/api-keys";
  auto keys = co_await context.api.Call(std::move(request));
  if (!keys) co_return Fail(keys.error());
  if (context.json() || !keys->is_array()) {
    PrintJson(*keys);
    co_return 0;
  }
  for (const json::Value& value : keys->as_array()) {
    if (!value.is_object()) continue;
    std::printf("%-24s  %-18s  %s\n", Text(value.as_object(), "name").c_str(),
                Text(value.as_object(), "value").c_str(),
                Text(value.as_object(), "createdAt").c_str());
  }
  co_return 0;
}

Task<int> CreateKey(Context& context) {
  ApiRequest request;
  request.method = "POST";
  request.path = "/api/api-keys";
  json::Array scopes;
  for (const std::string& scope : context.options.All("--scope")) scopes.emplace_back(scope);
  request.body =
      json::Value(json::Object{{"name", context.args()[1]}, {"permissions", std::move(scopes)}});
  auto key = co_await context.api.CallForObject(std::move(request));
  if (!key) co_return Fail(key.error());
  if (context.json()) {
    PrintJson(*key);
  } else {
    PrintLine(Text(*key, "value"));
  }
  co_return 0;
}

Task<int> DeleteKey(Context& context) {
  ApiRequest request;
  request.method = "DELETE";
  request.path = "/api/api-keys/" + PercentEncode(context.args()[1]);
  auto done = co_await context.api.Call(std::move(request));
  if (!done) co_return Fail(done.error());
  co_return 0;
}

Task<int> Key(Context& context) {
  const std::string what = context.args()[0];
  const size_t given = context.args().size();
  if (what == "ls" && given == 1) co_return co_await ListKeys(context);
  if (what == "create" && given == 2) co_return co_await CreateKey(context);
  if (what == "rm" && given == 2) co_return co_await DeleteKey(context);
  co_return Fail(Error(Code::kInvalid, "usage: cove key ls | create NAME [--scope S] | rm NAME"));
}

}  // namespace

std::vector<Verb> KeyVerbs() {
  Verb verb;
  verb.name = "key";
  verb.usage = "ls | create NAME [--scope S] | rm NAME";
  verb.summary = "API keys; create prints the key, once";
  verb.options = {{"--scope"}};
  verb.args_min = 1;
  verb.args_max = 2;
  verb.run = &Key;
  return {verb};
}

}  // namespace cove::cli
