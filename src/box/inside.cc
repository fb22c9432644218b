#include "box/inside.h"

#include <algorithm>

#include "async/timer.h"
#include "base/text.h"
#include "box/say.h"

namespace cove::box {
namespace {

namespace tb = proto::toolbox;

constexpr seconds kDeniedFor{5};
constexpr seconds kReachedFor{8};
constexpr int kTries = 3;
constexpr seconds kBetweenTries{2};
constexpr char kModels[] = "http://models.cove/openai/v1/models";
constexpr char kModelsHost[] = "models.cove";

// With no word of its owner's, Codex works on its own as far as its sandbox allows. The option that
// says so was taken away in some version.
constexpr char kAlone[] =
    "if codex --help | grep -q -e --full-auto; then exec codex --full-auto; fi; "
    "exec codex --sandbox workspace-write --ask-for-approval on-request";

Input InputOf(const World& world) { return world.interactive ? Input::kTerminal : Input::kStream; }

}  // namespace

tb::ExecRequest Inside::Request(std::vector<std::string> argv) const {
  tb::ExecRequest out;
  // Set-id programs, sudo among them, give nothing in here.
  out.argv = {"/usr/bin/setpriv", "--no-new-privs", "--"};
  out.argv.insert(out.argv.end(), argv.begin(), argv.end());
  out.user = "codex";
  out.cwd = InsidePath(p_.places.project.path());
  out.env = {{"CODEX_HOME", "/codex_home"},
             {"HOME", "/codex_home"},
             {"XDG_CONFIG_HOME", "/home/codex/.config"}};
  const std::string& environment = p_.homes.environment.path();
  const bool in_project = IsWithin(environment, p_.places.project.path());
  out.env.emplace_back("SANDBOX_ENV_DIR", in_project ? InsidePath(environment) : "/codex_home");
  if (!p_.reach.proxy.address.empty()) {
    for (const char* name : {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"}) {
      out.env.emplace_back(name, p_.reach.proxy.Url());
    }
    for (const char* name : {"NO_PROXY", "no_proxy"}) {
      out.env.emplace_back(name, p_.no_proxy + "," + kModelsHost);
    }
  }
  for (const char* name : {"TERM", "COLORTERM"}) {
    const std::string value = world_.env(name);
    if (!value.empty()) out.env.emplace_back(name, value);
  }
  return out;
}

// The status of an answer, "000" for none, or why it could not be asked.
Task<Result<std::string>> Inside::Fetch(std::string url, seconds limit, Way way) {
  auto run = co_await toolbox_.Run(
      Request({"/bin/sh", "-c",
               "command -v curl >/dev/null || exit 127; exec curl -q -ksS -o /dev/null -w "
               "'%{http_code}' --max-time \"$1\" --noproxy \"$3\" \"$2\"",
               "sh", std::to_string(limit.count()), std::move(url),
               way == Way::kDirect ? "*" : p_.no_proxy + "," + kModelsHost}));
  if (!run) co_return std::move(run).error();
  if (run->status.code == 127) {
    co_return Error(Code::kUnavailable, "Required command 'curl' not found in PATH");
  }
  co_return run->out;
}

Task<Result<void>> Inside::CheckDenied() {
  std::string url = world_.env("COVE_BOX_TEST_DENIED");
  const auto& names = p_.domains.names;
  const bool wanted = std::find(names.begin(), names.end(), "example.com") != names.end();
  if (url.empty()) url = wanted ? "https://example.net" : "https://example.com";
  CO_ASSIGN_OR_RETURN(const std::string status, co_await Fetch(url, kDeniedFor, Way::kDirect));
  if (status == "000") co_return Ok();
  co_return Error(Code::kUnavailable, "Firewall verification failed: " + url + " was reached.");
}

Task<Result<void>> Inside::CheckReached() {
  std::string url = world_.env("COVE_BOX_TEST_REACHED");
  const bool gateway = !p_.own_login && p_.reach.proxy.address.empty();
  if (url.empty()) url = gateway ? kModels : "https://api.openai.com";
  std::string status;
  for (int i = 0; i < kTries; ++i) {
    if (i > 0) co_await async::Sleep(kBetweenTries);
    CO_ASSIGN_OR_RETURN(status, co_await Fetch(url, kReachedFor, Way::kAsTold));
    // The gateway's own words when it cannot reach the provider.
    if (status != "000" && status != "502" && status != "503" && status != "504") co_return Ok();
  }
  co_return Error(Code::kUnavailable, "Firewall verification failed: " + url +
                                          " could not be reached (" + status + ").");
}

// Asked in the box: the repository's configuration is the agent's to write, and git runs what it
// names.
Task<Result<void>> Inside::CheckIgnored() {
  const std::string name = RelativeTo(p_.homes.environment.path(), p_.places.project.path());
  if (name.empty()) co_return Ok();
  auto run = co_await toolbox_.Run(
      Request({"/bin/sh", "-c",
               "git rev-parse --is-inside-work-tree >/dev/null 2>&1 || exit 0; "
               "git check-ignore -q -- \"$1\"",
               "sh", name + "/"}));
  if (run && run->status.code == 1) {
    Warn(name +
         " is not ignored by git; consider adding it to .gitignore to avoid committing "
         "credentials.");
  }
  co_return Ok();
}

Task<Result<void>> Inside::Check() {
  CO_RETURN_IF_ERROR(co_await CheckIgnored());
  CO_RETURN_IF_ERROR(co_await CheckDenied());
  CO_RETURN_IF_ERROR(co_await CheckReached());
  Say("Firewall verified");
  co_return Ok();
}

Task<Result<int>> Inside::RunHook(async::Signals& signals) {
  Say("Running init script");
  return RunHere(toolbox_, Request({"/codex_home/init.sh"}), Input::kNothing, signals);
}

Task<Result<int>> Inside::RunCodex(async::Signals& signals) {
  std::vector<std::string> argv = {"/bin/sh", "-c", kAlone};
  if (!p_.args.codex.empty()) {
    argv = {"/usr/local/bin/codex"};
    argv.insert(argv.end(), p_.args.codex.begin(), p_.args.codex.end());
  }
  return RunHere(toolbox_, Request(std::move(argv)), InputOf(world_), signals);
}

}  // namespace cove::box
