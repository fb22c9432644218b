// Context: what every verb works with. Made once in CliMain; verbs are coroutines on its loop.
#pragma once

#include <cstdio>

#include "agents/api_client.h"
#include "async/signals.h"
#include "cli/connection.h"
#include "cli/options.h"

namespace cove::cli {

using async::Task;

struct Context {
  agents::ApiClient& api;
  Options options;
  async::Signals* signals = nullptr;  // for verbs that asked for them

  bool json() const { return options.Has("--json"); }
  const std::vector<std::string>& args() const { return options.positional(); }
};

// A verb gives the exit code.
using VerbFn = Task<int> (*)(Context&);

enum class WantsSignals { kNo, kYes };

struct Verb {
  std::string_view name;
  std::string_view usage;  // after "cove NAME "
  std::string_view summary;
  std::string_view details;  // what `cove help NAME` says below the usage; ends with a newline
  std::vector<OptionSpec> options;  // --json is added
  size_t args_min = 0;
  size_t args_max = 0;
  VerbFn run = nullptr;
  WantsSignals signals = WantsSignals::kNo;
  Options::Mixed mixed = Options::Mixed::kYes;
  // Whether this call of it asks no server, and so needs neither one nor a key. Null: never.
  bool (*offline)(const Options&) = nullptr;
};

// One table per file of verbs.
std::vector<Verb> SandboxVerbs();
std::vector<Verb> KeyVerbs();
std::vector<Verb> SecretVerbs();
std::vector<Verb> ModelVerbs();
std::vector<Verb> BudgetVerbs();
Verb ExecVerb();
Verb CodexVerb();
Verb PolicyVerb();
Verb AuditVerb();

// The text of a file; "-" is standard input.
Result<std::string> ReadTextFile(const std::string& path);
// A field of an answer as it may be shown to people: it came from outside at some time. "" if
// there is none of that kind.
std::string Text(const json::Object& object, std::string_view key);
// The same for a number; 0 if there is none.
int64_t Number(const json::Object& object, std::string_view key);
void PrintLine(std::string_view text);
void PrintJson(const json::Value& value);

}  // namespace cove::cli
