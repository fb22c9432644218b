// `cove secret`: the secrets that requests from sandboxes may carry. A value comes from standard
// input, never from the arguments, which every user of the machine can read.
#include <unistd.h>

#include "agents/terminal.h"
#include "base/text.h"
#include "cli/context.h"

namespace cove::cli {
namespace {

using agents::ApiRequest;

constexpr std::string_view kUsage =
    "ls | set NAME [--host H]... [--header bearer|'basic USER'|'field NAME'] [--method M]... "
    "[--path P]... [--in header|query|body]... < VALUE | rm NAME";
constexpr size_t kValueBytesMax = 64 * 1024;

std::string Texts(const json::Object& object, std::string_view key) {
  std::vector<std::string> out;
  const json::Array* list = json::GetArray(object, key);
  if (list == nullptr) return {};
  for (const json::Value& item : *list) {
    if (item.is_string()) out.push_back(agents::Printable(std::string(item.as_string())));
  }
  return Join(out, ",");
}

Task<Result<json::Array>> FetchAll(Context& context) {
  ApiRequest request;
  request.path = "/api/secret";
  CO_ASSIGN_OR_RETURN(json::Value all, co_await context.api.Call(std::move(request)));
  if (!all.is_array()) co_return Error(Code::kInternal, "the server's answer is no list");
  co_return std::move(all.as_array());
}

std::string IdOf(const json::Array& all, const std::string& name) {
  for (const json::Value& one : all) {
    if (one.is_object() && json::GetString(one.as_object(), "name") == name) {
      return json::GetString(one.as_object(), "id").value_or("");
    }
  }
  return {};
}

// All of standard input, without one newline at its end.
Result<std::string> ReadValue() {
  std::string out;
  char buffer[4096];
  for (;;) {
    const ssize_t n = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::FromErrno("read the value from standard input");
    if (n == 0) break;
    out.append(buffer, static_cast<size_t>(n));
    if (out.size() > kValueBytesMax) return Error(Code::kInvalid, "the value is over 64 KiB");
  }
  if (out.ends_with('\n')) out.pop_back();
  if (out.empty()) return Error(Code::kInvalid, "give the value on standard input");
  return out;
}

Task<int> List(Context& context) {
  auto all = co_await FetchAll(context);
  if (!all) co_return Fail(all.error());
  if (context.json()) {
    PrintJson(*all);
    co_return 0;
  }
  for (const json::Value& value : *all) {
    if (!value.is_object()) continue;
    const json::Object& one = value.as_object();
    std::printf("%-24s  %-43s  %s  %s\n", Text(one, "name").c_str(),
                Text(one, "placeholder").c_str(), Texts(one, "hosts").c_str(),
                Text(one, "header").c_str());
  }
  co_return 0;
}

// Makes it, or changes what is named of one that exists.
Task<int> Set(Context& context) {
  auto value = ReadValue();
  if (!value) co_return Fail(value.error());
  json::Object body{{"name", context.args()[1]}, {"value", *value}};
  const auto list = [&](std::string_view option, std::string_view field) {
    if (!context.options.Has(option)) return;
    json::Array texts;
    for (const std::string& text : context.options.All(option)) texts.emplace_back(text);
    body[field] = std::move(texts);
  };
  list("--host", "hosts");
  list("--method", "methods");
  list("--path", "paths");
  list("--in", "in");
  if (context.options.Has("--header")) body["header"] = context.options.Get("--header");
  auto all = co_await FetchAll(context);
  if (!all) co_return Fail(all.error());
  const std::string id = IdOf(*all, context.args()[1]);
  ApiRequest request;
  request.method = id.empty() ? "POST" : "PATCH";
  request.path = id.empty() ? "/api/secret" : "/api/secret/" + PercentEncode(id);
  request.body = json::Value(std::move(body));
  auto secret = co_await context.api.CallForObject(std::move(request));
  if (!secret) co_return Fail(secret.error());
  if (context.json()) {
    PrintJson(*secret);
  } else {
    PrintLine(Text(*secret, "placeholder"));
  }
  co_return 0;
}

Task<int> Remove(Context& context) {
  const std::string& name = context.args()[1];
  auto all = co_await FetchAll(context);
  if (!all) co_return Fail(all.error());
  const std::string id = IdOf(*all, name);
  if (id.empty()) co_return Fail(Error(Code::kNotFound, "there is no secret '" + name + "'"));
  ApiRequest request;
  request.method = "DELETE";
  request.path = "/api/secret/" + PercentEncode(id);
  auto done = co_await context.api.Call(std::move(request));
  if (!done) co_return Fail(done.error());
  co_return 0;
}

Task<int> Secret(Context& context) {
  const std::string what = context.args()[0];
  const size_t given = context.args().size();
  if (what == "ls" && given == 1) co_return co_await List(context);
  if (what == "set" && given == 2) co_return co_await Set(context);
  if (what == "rm" && given == 2) co_return co_await Remove(context);
  co_return Fail(Error(Code::kInvalid, "usage: cove secret " + std::string(kUsage)));
}

}  // namespace

std::vector<Verb> SecretVerbs() {
  Verb verb;
  verb.name = "secret";
  verb.usage = "ls | set NAME --host H [--header H] | rm NAME";
  verb.summary = "secrets that requests carry and no sandbox has; set reads the value from stdin";
  verb.options = {{"--host"}, {"--header"}, {"--method"}, {"--path"}, {"--in"}};
  verb.args_min = 1;
  verb.args_max = 2;
  verb.run = &Secret;
  return {verb};
}

}  // namespace cove::cli
