#include "box/prepare.h"

#include <unistd.h>

#include <ctime>

#include "base/text.h"
#include "box/approvals.h"
#include "box/hook.h"
#include "box/say.h"
#include "box/settings.h"
#include "json/toml.h"

namespace cove::box {
namespace {

constexpr char kBase[] = "/var/lib/cove-box";
constexpr char kNoProxy[] = "localhost,127.0.0.1,::1";

Result<void> AskForOutside(const Places& places, const Consent& consent) {
  for (const Outside& outside : places.outside) {
    RETURN_IF_ERROR(consent.Ask(
        outside.option + " " + outside.path +
            " is outside the work directory; mounting it writable breaks workdir-only isolation.",
        "Proceed with mounting " + outside.path + "?",
        "mount " + outside.path + " outside workdir"));
  }
  return Ok();
}

// A file that was read, or is empty because there is none.
struct Input {
  std::string path;
  std::string text;
};

// Asks about it if an agent can have written it; the box is then shown what was asked about.
Result<void> Approve(const Approvals& approvals, Input input, const Approvals::Use& use,
                     Prepared& out) {
  if (!AgentWrites(input.path, out.places, out.homes)) return Ok();
  RETURN_IF_ERROR(approvals.Need(input.path, input.text, use));
  out.approved.push_back({std::move(input.path), std::move(input.text)});
  return Ok();
}

// What that file adds to the list, for people.
Result<std::string> AddedNames(const std::string& text) {
  constexpr size_t kShown = 20;
  ASSIGN_OR_RETURN(const Domains without, MergeDomains({}));
  ASSIGN_OR_RETURN(Domains with, MergeDomains({text, {}}));
  with.names.erase(with.names.begin(), with.names.begin() + without.names.size());
  const size_t more = with.names.size() > kShown ? with.names.size() - kShown : 0;
  with.names.resize(with.names.size() - more);
  return Join(with.names, " ") + (more > 0 ? " and " + std::to_string(more) + " more" : "");
}

Result<void> ReadDomains(const World& world, const Approvals& approvals, Prepared& out) {
  DomainSources from;
  from.environment = world.env("OPENAI_ALLOWED_DOMAINS");
  const std::string named = world.env("ALLOWED_DOMAINS_FILE");
  const std::string path = named.empty() ? out.homes.environment.path() + "/allowed_domains.txt"
                                         : Absolute(named, world);
  auto text = ReadFileOf(path, out.places, out.homes);
  if (!text && (!named.empty() || text.error().sys_errno() != ENOENT)) {
    return std::move(text).error().Wrap("Unable to read " +
                                        (named.empty() ? "allowed_domains.txt" : named));
  }
  if (text) from.file = *std::move(text);
  ASSIGN_OR_RETURN(out.domains, MergeDomains(from));
  if (!from.file) return Ok();
  ASSIGN_OR_RETURN(const std::string added, AddedNames(*from.file));
  if (added.empty()) return Ok();
  return Approve(approvals, {path, *std::move(from.file)},
                 {"use", "Proceed and allow them?", "It allows: " + added}, out);
}

// The text of the file that the variable names; empty when it is not set.
Result<std::string> ReadNamed(const World& world, const std::string& variable,
                              const Approvals& approvals, const Approvals::Use& use,
                              Prepared& out) {
  const std::string named = world.env(variable);
  if (named.empty()) return std::string();
  const std::string path = Absolute(named, world);
  auto text = ReadFileOf(path, out.places, out.homes);
  if (!text) return std::move(text).error().Wrap("Unable to read " + named);
  RETURN_IF_ERROR(Approve(approvals, {path, *text}, use, out));
  return text;
}

Result<void> ReadOperators(const World& world, const Approvals& approvals, Prepared& out) {
  ASSIGN_OR_RETURN(out.operators,
                   ReadNamed(world, "COVE_BOX_CONFIG", approvals,
                             {"use", "Proceed and configure the server by it?",
                              "It decides what the box may reach and where model calls go."},
                             out));
  return Ok();
}

Result<void> ReadResolvers(const World& world, const Approvals& approvals, Prepared& out) {
  ASSIGN_OR_RETURN(out.resolvers, ReadNamed(world, "RESOLV_CONF_FILE", approvals,
                                            {"use", "Proceed and ask those servers?",
                                             "It says who resolves the box's names."},
                                            out));
  return out.resolvers.empty() ? Ok() : CheckResolvers(out.resolvers);
}

Result<Proxy> FindProxy(const World& world, const Approvals& approvals, Prepared& out) {
  ProxyWords words{world.env("PROXY_IP_V4"), world.env("PROXY_IP_V6"), world.env("PROXY_PORT")};
  ASSIGN_OR_RETURN(const std::string file,
                   ReadNamed(world, "PROXY_CONFIG_FILE", approvals,
                             {"use", "Proceed and send the box's connections there?",
                              "It names the proxy that sees all that leaves the box."},
                             out));
  ASSIGN_OR_RETURN(words, ReadProxyFile(file, std::move(words)));
  return ReadProxy(words);
}

Result<void> ReadReach(const World& world, const Approvals& approvals, Prepared& out) {
  Reach& reach = out.reach;
  reach.domains = out.domains.names;
  reach.private_answers = world.env("ALLOW_PRIVATE_DNS") == "1";
  const std::string mode = world.env("INIT_FIREWALL_MODE");
  if (out.args.firewall) {
    reach.firewall = *out.args.firewall;
  } else if (!mode.empty()) {
    ASSIGN_OR_RETURN(reach.firewall, ParseFirewall(mode, "INIT_FIREWALL_MODE"));
  }
  if (reach.firewall == Firewall::kAcl) return Ok();
  ASSIGN_OR_RETURN(reach.proxy, FindProxy(world, approvals, out));
  return Ok();
}

Result<void> ReadAuth(const Args& args, const World& world, const Approvals& approvals,
                      Prepared& out) {
  ASSIGN_OR_RETURN(const auto auth, FindAuth(args, world, out.places, out.homes));
  if (!auth) {
    if (!world.env("OPENAI_API_KEY").empty()) return Ok();
    Warn("auth.json not found; Codex CLI may prompt for login inside the container.");
    return Ok();
  }
  auto read = ReadCredentials(auth->text, time(nullptr));
  if (!read) return std::move(read).error().Wrap(auth->path);
  out.auth_path = auth->path;
  out.credentials = *std::move(read);
  if (out.credentials->expired) {
    Warn("the ChatGPT login in " + auth->path +
         " has expired; run codex once outside, which renews it.");
  }
  if (!AgentWrites(auth->path, out.places, out.homes)) {
    (void)chmod(auth->path.c_str(), 0600);  // best effort
    return Ok();
  }
  // Shown to the box without the secret, by AddAuth: so not Approve(). Its mode stays: where an
  // agent writes, something else could be there meanwhile.
  return approvals.Need(auth->path, auth->text,
                        {"use", "Proceed and send model calls to that account?",
                         "Whose account it names sees every prompt and answer of this box."});
}

// A file of Codex's home; nothing: there is none. What is there and cannot be read is an error: a
// box's Codex, which follows links and reads any size, might obey it unasked.
Result<std::optional<std::string>> ReadOfCodex(const Tree& environment, const std::string& name) {
  auto text = environment.Read(name);
  if (text) return std::optional(*std::move(text));
  if (text.error().sys_errno() == ENOENT) return std::optional<std::string>();
  return std::move(text).error().Wrap(
      "Unable to read " + environment.path() + "/" + name +
      ", which Codex would obey: the agent can have put it there. Look at it and remove it, or "
      "replace it by a plain file of at most 4 MiB");
}

// Codex writes its config.toml itself, so it cannot be shown read-only; but what it does not write
// (whose account is asked, which programs are started) has to be the owner's. Its .env it only
// reads. `source`: what was copied to config.toml now.
Result<void> ReadCodexFiles(const std::string& source, const Approvals& approvals, Prepared& out) {
  const Tree& environment = out.homes.environment;
  ASSIGN_OR_RETURN(const auto env, ReadOfCodex(environment, ".env"));
  if (env && !Trim(*env).empty()) {
    RETURN_IF_ERROR(Approve(approvals, {environment.path() + "/.env", *env},
                            {"use", "Proceed with these variables?", "Codex takes them over."},
                            out));
  }
  const std::string path = environment.path() + "/config.toml";
  ASSIGN_OR_RETURN(const auto text, ReadOfCodex(environment, "config.toml"));
  const std::string settings = text ? DecidingSettings(*text) : std::string();
  if (settings.empty()) return Ok();
  if (!source.empty() && !AgentWrites(source, out.places, out.homes)) {
    return approvals.Give(path, settings);
  }
  return approvals.Need(
      path, settings,
      {"use", "Proceed with these settings?",
       "Codex obeys it, and it can name whose account gets your prompts. It sets " +
           NamesOfSettings(settings) + "."});
}

// Older configurations say it so; Codex itself no longer reads that key.
bool WantsWebSearch(const Tree& environment) {
  const auto text = environment.Read("config.toml");
  if (!text) return false;
  const toml::parse_result parsed = json::ParseToml(*text);
  return parsed && parsed.table()["web_search_request"].value_or(false) &&
         !parsed.table().contains("web_search");
}

}  // namespace

Result<Prepared> Prepare(Args args, const World& world) {
  ASSIGN_OR_RETURN(Places places, FindPlaces(args, world));
  const auto who = args.yes            ? Consent::Who::kYes
                   : world.interactive ? Consent::Who::kTerminal
                                       : Consent::Who::kNobody;
  const Consent consent(who);
  RETURN_IF_ERROR(AskForOutside(places, consent));
  if (geteuid() != 0) {
    return Error(Code::kDenied,
                 "cove box must run as root: it makes namespaces and mounts. Try sudo.");
  }
  std::string base_path = world.env("COVE_BOX_DIR");
  if (base_path.empty()) base_path = kBase;
  base_path = Absolute(base_path, world);
  if (IsWithin(Resolve(base_path).value_or(base_path), places.project.path())) {
    return Error(Code::kInvalid, "COVE_BOX_DIR must not lie in the work directory: " + base_path);
  }
  if (!world.home.empty() && IsWithin(Resolve(world.home).value_or(""), places.project.path())) {
    Warn(
        "your home is in the work directory: the box sees all that is in it, keys and logins too.");
  }
  ASSIGN_OR_RETURN(BaseDir base, OpenBase(base_path));
  ASSIGN_OR_RETURN(Homes homes, MakeHomes(places));
  Prepared out{.args = std::move(args),
               .base = std::move(base),
               .places = std::move(places),
               .homes = std::move(homes)};
  const Approvals approvals(out.base.hooks, consent);
  const Tree& project = out.places.project;
  const Tree& environment = out.homes.environment;
  ASSIGN_OR_RETURN(const std::string config, PlaceConfig(out.args, world, project, environment));
  RETURN_IF_ERROR(ReadCodexFiles(config, approvals, out));
  RETURN_IF_ERROR(PlacePrompts(out.args, world, project, environment));
  RETURN_IF_ERROR(ReadAuth(out.args, world, approvals, out));
  ASSIGN_OR_RETURN(out.hook, FindHook(out.args, world, project, environment, approvals));
  RETURN_IF_ERROR(ReadDomains(world, approvals, out));
  RETURN_IF_ERROR(ReadReach(world, approvals, out));
  RETURN_IF_ERROR(ReadResolvers(world, approvals, out));
  Say("Allowed domains from: " + out.domains.sources);
  out.guard_git = world.env("COVE_BOX_WRITABLE_GIT") != "1";
  out.no_proxy = world.env("NO_PROXY");
  if (out.no_proxy.empty()) out.no_proxy = kNoProxy;
  if (!out.reach.proxy.address.empty()) {
    const std::string proxy = out.reach.proxy.Url();
    RETURN_IF_ERROR(environment.Write(".npmrc",
                                      "# written by cove box\nproxy=" + proxy + "\nhttps-proxy=" +
                                          proxy + "\nnoproxy=" + out.no_proxy + "\n",
                                      0644));
  }
  RETURN_IF_ERROR(ReadOperators(world, approvals, out));
  std::string warning;
  ASSIGN_OR_RETURN(out.image, WishedImage(out.args, world, project, out.base.path, &warning));
  if (!warning.empty()) Warn(warning);
  out.own_login = !out.credentials && world.env("OPENAI_API_KEY").empty();
  out.web_search = WantsWebSearch(environment);
  return out;
}

}  // namespace cove::box
