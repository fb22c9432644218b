#include "cli/cli.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>

#include "agents/terminal.h"
#include "cli/context.h"

namespace cove::cli {

namespace {

std::vector<Verb> AllVerbs() {
  std::vector<Verb> out = {CodexVerb(), ExecVerb(), PolicyVerb(), AuditVerb()};
  for (auto& list : {SandboxVerbs(), KeyVerbs(), SecretVerbs(), ModelVerbs(), BudgetVerbs()}) {
    out.insert(out.end(), list.begin(), list.end());
  }
  return out;
}

void PrintHelp(FILE* to) {
  std::fprintf(to, "usage: cove VERB [OPTIONS]\n\n  %-46s %s\n",
               "serve [--listen H:P] [--data DIR] [--config F]", "run the server (root)");
  std::fprintf(to, "  %-46s %s\n", "doctor [--data DIR] [--json]",
               "what this machine offers, and what is missing (root)");
  std::fprintf(to, "  %-46s %s\n", "box [OPTIONS] [--] [CODEX ARGUMENTS...]",
               "Codex on this directory, in a sandbox of its own server (root)");
  for (const Verb& verb : AllVerbs()) {
    const std::string left = std::string(verb.name) + " " + std::string(verb.usage);
    std::fprintf(to, "  %-46s %s\n", left.c_str(), std::string(verb.summary).c_str());
  }
  std::fputs(
      "\nVerbs that print take --json. Server: COVE_URL (http://127.0.0.1:3986); key: "
      "COVE_API_KEY,\n"
      "or as root on the server's machine its own.\n"
      "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no server answers, 4 key missing or "
      "refused,\n"
      "5 no such thing. exec: the command's own, or 125 (see cove help exec).\n",
      to);
}

int Usage(const Verb& verb, const std::string& why) {
  std::fprintf(stderr, "cove: %s\nusage: cove %s %s\n", why.c_str(), std::string(verb.name).c_str(),
               std::string(verb.usage).c_str());
  return 2;
}

// What was printed has been written, or the exit code says that it was not: a key is shown once.
int Finish(int code) {
  errno = 0;
  if (code != 0 || (std::fflush(stdout) == 0 && std::ferror(stdout) == 0)) return code;
  std::fprintf(stderr, "cove: standard output cannot be written%s%s\n", errno != 0 ? ": " : "",
               errno != 0 ? std::strerror(errno) : "");
  return 1;
}

int HelpOf(const Verb& verb) {
  std::printf("usage: cove %s %s\n%s", std::string(verb.name).c_str(),
              std::string(verb.usage).c_str(), std::string(verb.details).c_str());
  return Finish(0);
}

int RunVerb(const Verb& verb, Options options) {
  auto server = FindServer();
  if (!server) {
    if (verb.offline == nullptr || !verb.offline(options)) return Fail(server.error());
    server = Server();
  }
  async::Loop loop;
  // Before the pool's threads: they inherit which signals are blocked.
  std::optional<async::Signals> signals;
  if (verb.signals == WantsSignals::kYes)
    signals.emplace(std::initializer_list<int>{SIGINT, SIGTERM, SIGHUP});
  async::ThreadPool resolver(1);
  http::Client http(resolver);
  agents::ApiClient api(http, server->url, server->key);
  Context context{api, std::move(options), signals ? &*signals : nullptr};
  return Finish(loop.RunUntil(verb.run(context)));
}

}  // namespace

Result<std::string> ReadTextFile(const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream file(path);
  std::error_code error;
  if (!file || std::filesystem::is_directory(path, error)) {
    return Error(Code::kNotFound, "cannot read " + path);
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string Text(const json::Object& object, std::string_view key) {
  return agents::Printable(json::GetString(object, key).value_or(""));
}

int64_t Number(const json::Object& object, std::string_view key) {
  return json::GetInt(object, key).value_or(0);
}

void PrintLine(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
}

void PrintJson(const json::Value& value) { PrintLine(json::Write(value)); }

int CliMain(const std::vector<std::string>& args) {
  // A reader that goes away (`cove ls | head`) ends us by the write's error, not by a signal.
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<Verb> verbs = AllVerbs();
  const auto find = [&verbs](std::string_view name) {
    return std::find_if(verbs.begin(), verbs.end(), [&](const Verb& v) { return v.name == name; });
  };
  if (args.size() == 2 && args[0] == "help" && find(args[1]) != verbs.end()) {
    return HelpOf(*find(args[1]));
  }
  if (args.empty() || args[0] == "help" || args[0] == "--help" || args[0] == "-h") {
    PrintHelp(args.empty() ? stderr : stdout);
    return Finish(args.empty() ? 2 : 0);
  }
  if (args[0] == "version" || args[0] == "--version") {
    PrintLine("cove " COVE_VERSION);
    return Finish(0);
  }
  const auto it = find(args[0]);
  if (it == verbs.end()) {
    std::fprintf(stderr, "cove: unknown verb '%s'; see cove help\n", args[0].c_str());
    return 2;
  }
  std::vector<OptionSpec> specs = it->options;
  specs.push_back({"--json", "", OptionSpec::Takes::kNothing});
  specs.push_back({"--help", "-h", OptionSpec::Takes::kNothing});
  auto options = Options::Parse({args.begin() + 1, args.end()}, specs, it->mixed);
  if (!options) return Usage(*it, options.error().message());
  if (options->Has("--help")) return HelpOf(*it);
  const size_t given = options->positional().size();
  if (given < it->args_min || given > it->args_max) {
    return Usage(*it, given < it->args_min ? "an argument is missing" : "too many arguments");
  }
  return RunVerb(*it, *std::move(options));
}

}  // namespace cove::cli
