// `cove policy`: what sandboxes may reach, layer by layer, and why.
#include "agents/terminal.h"
#include "base/text.h"
#include "cli/context.h"
#include "policy/import.h"

namespace cove::cli {

namespace {

using agents::ApiRequest;
using agents::Printable;

constexpr std::string_view kForms =
    "show LAYER | set LAYER FILE | rm LAYER | test SANDBOX URL [--method M] | suggest SANDBOX "
    "[--from denied|allowed|all] | presets | import --from coder|codex|domains [--profile P] FILE; "
    "LAYER: server, organization, template NAME, sandbox NAME; FILE may be -";

Error WrongUsage() { return {Code::kInvalid, "usage: cove policy " + std::string(kForms)}; }

// The API's path for the layer that args[1…] name; `rest` gets the number of the argument after it.
Result<std::string> LayerPath(const std::vector<std::string>& args, size_t* rest) {
  if (args.size() < 2) return WrongUsage();
  const std::string& layer = args[1];
  *rest = 2;
  if (layer == "server" || layer == "organization") return "/api/policy/" + layer;
  if ((layer != "template" && layer != "sandbox") || args.size() < 3) return WrongUsage();
  *rest = 3;
  return "/api/policy/" + layer + "/" + PercentEncode(args[2]);
}

// The lines of a document in the order in which they are judged: it has none, so as written.
void PrintDocument(std::string_view title, const json::Object& document) {
  PrintLine("  " + std::string(title) + ": default " + Text(document, "default"));
  const json::Array* rules = json::GetArray(document, "rules");
  if (rules == nullptr) return;
  for (const json::Value& rule : *rules) {
    if (!rule.is_string()) continue;
    const std::string text = Printable(std::string_view(rule.as_string()));
    PrintLine("    " + (text.starts_with("deny ") ? text : "allow " + text));
  }
}

// What the server has to say about it beside the answer.
void PrintWarning(const json::Object& answer) {
  const std::string warning = Text(answer, "warning");
  if (!warning.empty()) std::fprintf(stderr, "cove: warning: %s\n", Printable(warning).c_str());
}

void PrintLayers(const json::Array& layers) {
  for (const json::Value& value : layers) {
    if (!value.is_object()) continue;
    const json::Object& layer = value.as_object();
    const bool holds = json::GetBool(layer, "holds").value_or(false);
    PrintLine(Text(layer, "layer") + (holds ? " (its default holds)" : ""));
    if (const auto* d = json::GetObject(layer, "default")) PrintDocument("default", *d);
    if (const auto* c = json::GetObject(layer, "ceiling")) PrintDocument("ceiling", *c);
  }
}

Task<int> Show(Context& context) {
  size_t rest = 0;
  auto path = LayerPath(context.args(), &rest);
  if (!path) co_return Fail(path.error());
  ApiRequest request;
  request.path = *path;
  auto policy = co_await context.api.CallForObject(std::move(request));
  if (!policy) co_return Fail(policy.error());
  PrintWarning(*policy);
  const auto text = json::GetString(*policy, "text");
  const json::Array* layers = json::GetArray(*policy, "layers");
  if (context.json()) {
    PrintJson(*policy);
  } else if (layers != nullptr) {
    PrintLayers(*layers);
  } else if (text) {
    PrintLine(Trim(*text));
  } else {
    PrintLine("# nothing is set here: the layer above holds");
  }
  co_return 0;
}

Task<int> Set(Context& context) {
  size_t rest = 0;
  auto path = LayerPath(context.args(), &rest);
  if (!path) co_return Fail(path.error());
  if (context.args().size() != rest + 1) co_return Fail(WrongUsage());
  auto text = ReadTextFile(context.args()[rest]);
  if (!text) co_return Fail(text.error());
  ApiRequest request;
  request.method = "PUT";
  request.path = *path;
  if (Trim(*text).starts_with('{')) {
    auto document = json::Parse(*text);
    if (!document) co_return Fail(document.error());
    request.body = *std::move(document);
  } else {
    request.body = json::Value(json::Object{{"toml", *text}});
  }
  auto done = co_await context.api.CallForObject(std::move(request));
  if (!done) co_return Fail(done.error());
  PrintWarning(*done);
  if (context.json()) PrintJson(*done);
  co_return 0;
}

Task<int> Remove(Context& context) {
  size_t rest = 0;
  auto path = LayerPath(context.args(), &rest);
  if (!path) co_return Fail(path.error());
  ApiRequest request;
  request.method = "DELETE";
  request.path = *path;
  auto done = co_await context.api.Call(std::move(request));
  if (!done) co_return Fail(done.error());
  co_return 0;
}

std::string Verdict(const json::Object& object) {
  std::string out = json::GetBool(object, "allow").value_or(false) ? "allow" : "deny";
  const std::string reason = Text(object, "reason");
  if (reason != "allowed") out += " (" + reason + ")";
  const std::string rule = Text(object, "rule");
  if (!rule.empty()) out += " by: " + rule;
  return out;
}

// What the name leads to, where the rules speak of that.
void PrintAddresses(const json::Object& answer) {
  const json::Array* addresses = json::GetArray(answer, "addresses");
  if (addresses == nullptr) return;
  if (addresses->empty()) PrintLine("what the name leads to decides, and it is not known here");
  for (const json::Value& value : *addresses) {
    if (!value.is_object()) continue;
    const json::Object& place = value.as_object();
    const bool open = json::GetBool(place, "open").value_or(false);
    PrintLine("  leads to " + Text(place, "address") + " (" + Text(place, "kind") +
              "): " + (open ? "open" : "closed"));
  }
}

// Exit code 0: it would be allowed, 1: it would not.
Task<int> Test(Context& context) {
  if (context.args().size() != 3) co_return Fail(WrongUsage());
  ApiRequest request;
  request.method = "POST";
  request.path = "/api/policy/sandbox/" + PercentEncode(context.args()[1]) + "/test";
  json::Object body{{"url", context.args()[2]}};
  if (context.options.Has("--method")) body["method"] = context.options.Get("--method");
  request.body = json::Value(std::move(body));
  auto answer = co_await context.api.CallForObject(std::move(request));
  if (!answer) co_return Fail(answer.error());
  const bool allow = json::GetBool(*answer, "allow").value_or(false);
  if (context.json()) {
    PrintJson(*answer);
    co_return allow ? 0 : 1;
  }
  PrintLine(Verdict(*answer));
  PrintLine("layer: " + Text(*answer, "layer") + ", judged by " + Text(*answer, "stage"));
  PrintLine(Text(*answer, "message"));
  if (const json::Array* steps = json::GetArray(*answer, "steps")) {
    for (const json::Value& value : *steps) {
      if (!value.is_object()) continue;
      const json::Object& step = value.as_object();
      PrintLine("  " + Text(step, "layer") + " " + Text(step, "part") + ": " + Verdict(step));
    }
  }
  PrintAddresses(*answer);
  co_return allow ? 0 : 1;
}

Task<int> Suggest(Context& context) {
  if (context.args().size() != 2) co_return Fail(WrongUsage());
  ApiRequest request;
  request.path = "/api/policy/sandbox/" + PercentEncode(context.args()[1]) + "/suggest";
  if (context.options.Has("--from")) {
    request.path += "?from=" + PercentEncode(context.options.Get("--from"));
  }
  auto answer = co_await context.api.CallForObject(std::move(request));
  if (!answer) co_return Fail(answer.error());
  if (context.json()) {
    PrintJson(*answer);
  } else {
    PrintLine(Trim(json::GetString(*answer, "toml").value_or("")));
  }
  co_return 0;
}

Result<std::string> Translate(const Options& options, const std::string& text) {
  const std::string from = options.Get("--from");
  if (from == "coder") return policy::ImportCoder(text);
  if (from == "codex") return policy::ImportCodex(text, options.Get("--profile"));
  if (from == "domains") return policy::ImportDomains(text);
  return Error(Code::kInvalid, "--from is coder, codex or domains");
}

// Asks no server: what it prints is looked at, and then given to `policy set`.
Task<int> Import(Context& context) {
  if (context.args().size() != 2) co_return Fail(WrongUsage());
  auto text = ReadTextFile(context.args()[1]);
  if (!text) co_return Fail(text.error());
  auto document = Translate(context.options, *text);
  if (!document) co_return Fail(document.error());
  PrintLine(Trim(*document));
  co_return 0;
}

bool IsOffline(const Options& options) { return options.positional()[0] == "import"; }

Task<int> Presets(Context& context) {
  ApiRequest request;
  request.path = "/api/policy/presets";
  auto presets = co_await context.api.Call(std::move(request));
  if (!presets) co_return Fail(presets.error());
  if (context.json() || !presets->is_array()) {
    PrintJson(*presets);
    co_return 0;
  }
  for (const json::Value& value : presets->as_array()) {
    if (!value.is_object()) continue;
    PrintLine(Text(value.as_object(), "name") + ": " + Text(value.as_object(), "reason"));
  }
  co_return 0;
}

Task<int> Policy(Context& context) {
  const std::string& what = context.args()[0];
  if (what == "show") co_return co_await Show(context);
  if (what == "set") co_return co_await Set(context);
  if (what == "rm") co_return co_await Remove(context);
  if (what == "test") co_return co_await Test(context);
  if (what == "suggest") co_return co_await Suggest(context);
  if (what == "import") co_return co_await Import(context);
  if (what == "presets") co_return co_await Presets(context);
  co_return Fail(WrongUsage());
}

}  // namespace

Verb PolicyVerb() {
  Verb verb;
  verb.name = "policy";
  verb.usage = "show|set|rm|test|suggest|presets|import ...";
  verb.summary = "what may leave, and why";
  verb.options = {{"--method"}, {"--from"}, {"--profile"}};
  verb.args_min = 1;
  verb.args_max = 4;
  verb.run = &Policy;
  verb.offline = &IsOffline;
  return verb;
}

}  // namespace cove::cli
