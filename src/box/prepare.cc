#include "box/prepare.h"

#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <filesystem>

#include "box/hook.h"
#include "box/pins.h"
#include "box/settings.h"
#include "json/toml.h"

namespace cove::box {
namespace {

constexpr char kBase[] = "/var/lib/cove-box";
constexpr char kNoProxy[] = "localhost,127.0.0.1,::1";

void Warn(const std::string& text) { std::fprintf(stderr, "Warning: %s\n", text.c_str()); }
void Say(const std::string& text) { std::fprintf(stderr, "[sandbox] %s\n", text.c_str()); }

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

// What lies where the agent can write counts only as it was approved.
Result<void> Approve(const Prepared& p, const Consent& consent, const std::string& named,
                     const std::string& text, const std::string& use) {
  std::error_code error;
  const std::string path = std::filesystem::weakly_canonical(named, error).string();
  if (error) return Error(Code::kInvalid, named + ": " + error.message());
  const bool open_to_agent = IsWithin(path, p.places.project.path()) ||
                             IsWithin(path, p.homes.environment.path()) ||
                             IsWithin(path, p.homes.sessions.path());
  if (!open_to_agent) return Ok();
  return AskUnlessPinned(p.base.hooks, {path, path, text, use}, consent);
}

Result<Domains> ReadDomains(const World& world, const Prepared& p, const Consent& consent) {
  const Homes& homes = p.homes;
  constexpr char kUse[] = "allow the domains that it lists";
  DomainSources from;
  from.environment = world.env("OPENAI_ALLOWED_DOMAINS");
  const std::string named = world.env("ALLOWED_DOMAINS_FILE");
  if (!named.empty()) {
    const std::string path = Absolute(named, world);
    auto text = ReadHostFile(path, p.places.project);
    if (!text) return std::move(text).error().Wrap("Unable to read " + named);
    RETURN_IF_ERROR(Approve(p, consent, path, *text, kUse));
    from.file = *std::move(text);
  } else {
    auto text = homes.environment.Read("allowed_domains.txt");
    if (!text && text.error().sys_errno() != ENOENT) {
      return std::move(text).error().Wrap("Unable to read allowed_domains.txt");
    }
    if (text) {
      const std::string path = homes.environment.path() + "/allowed_domains.txt";
      RETURN_IF_ERROR(Approve(p, consent, path, *text, kUse));
      from.file = *std::move(text);
    }
  }
  return MergeDomains(from);
}

Result<Reach> ReadReach(const Args& args, const World& world, const Domains& domains) {
  Reach out;
  out.domains = domains.names;
  out.private_answers = world.env("ALLOW_PRIVATE_DNS") == "1";
  const std::string mode = world.env("INIT_FIREWALL_MODE");
  if (args.firewall) {
    out.firewall = *args.firewall;
  } else if (!mode.empty()) {
    ASSIGN_OR_RETURN(out.firewall, ParseFirewall(mode, "INIT_FIREWALL_MODE"));
  }
  if (out.firewall == Firewall::kAcl) return out;
  ASSIGN_OR_RETURN(out.proxy, ReadProxy(world.env("PROXY_IP_V4"), world.env("PROXY_IP_V6"),
                                        world.env("PROXY_PORT")));
  return out;
}

Result<void> ReadAuth(const Args& args, const World& world, Prepared& out) {
  ASSIGN_OR_RETURN(const auto auth,
                   FindAuth(args, world, out.places.project, out.homes.environment));
  if (!auth) {
    Warn("auth.json not found; Codex CLI may prompt for login inside the container.");
    return Ok();
  }
  auto read = ReadCredentials(auth->text, time(nullptr));
  if (!read) return std::move(read).error().Wrap(auth->path);
  // The agent could leave a login of its own there, and have all that follows told to its account.
  const bool agents = IsWithin(auth->path, out.places.project.path()) ||
                      IsWithin(auth->path, out.homes.environment.path());
  if (agents && args.auth_file.empty() && !world.env("OPENAI_API_KEY").empty()) {
    Warn("OPENAI_API_KEY is used instead of " + auth->path + ", where the agent can write.");
    return Ok();
  }
  out.auth_path = auth->path;
  out.credentials = *std::move(read);
  if (out.credentials->expired) {
    Warn("the ChatGPT login in " + auth->path +
         " has expired; run codex once outside, which renews it.");
  }
  // Best effort; in the project another hand could put something else there meanwhile.
  if (!IsWithin(auth->path, out.places.project.path())) (void)chmod(auth->path.c_str(), 0600);
  return Ok();
}

// Older configurations say it so; Codex itself no longer reads that key.
bool WantsWebSearch(const Tree& environment) {
  const auto text = environment.Read("config.toml");
  if (!text) return false;
  const toml::parse_result parsed = toml::parse(*text);
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
  ASSIGN_OR_RETURN(BaseDir base, OpenBase(Absolute(base_path, world)));
  ASSIGN_OR_RETURN(Homes homes, MakeHomes(places));
  Prepared out{std::move(args),
               std::move(base),
               std::move(places),
               std::move(homes),
               {},
               {},
               {},
               {},
               {},
               {},
               {},
               {},
               {},
               false,
               false};
  const Tree& project = out.places.project;
  const Tree& environment = out.homes.environment;
  RETURN_IF_ERROR(PlaceConfig(out.args, world, project, environment));
  RETURN_IF_ERROR(PlacePrompts(out.args, world, project, environment));
  RETURN_IF_ERROR(ReadAuth(out.args, world, out));
  ASSIGN_OR_RETURN(out.hook,
                   FindHook(out.args, world, project, environment, out.base.hooks, consent));
  ASSIGN_OR_RETURN(out.domains, ReadDomains(world, out, consent));
  ASSIGN_OR_RETURN(out.reach, ReadReach(out.args, world, out.domains));
  Say("Allowed domains from: " + out.domains.sources);
  out.no_proxy = world.env("NO_PROXY");
  if (out.no_proxy.empty()) out.no_proxy = kNoProxy;
  if (!out.reach.proxy.address.empty()) {
    const std::string proxy = out.reach.proxy.Url();
    RETURN_IF_ERROR(environment.Write(".npmrc",
                                      "# written by cove box\nproxy=" + proxy + "\nhttps-proxy=" +
                                          proxy + "\nnoproxy=" + out.no_proxy + "\n",
                                      0644));
  }
  out.operators_file = world.env("COVE_BOX_CONFIG");
  if (!out.operators_file.empty()) {
    out.operators_file = Absolute(out.operators_file, world);
    ASSIGN_OR_RETURN(out.operators, ReadHostFile(out.operators_file, project));
    RETURN_IF_ERROR(Approve(out, consent, out.operators_file, out.operators,
                            "start the box's server with that configuration"));
  }
  std::string warning;
  ASSIGN_OR_RETURN(out.image, WishedImage(out.args, world, out.base.path, &warning));
  if (!warning.empty()) Warn(warning);
  out.own_login = !out.credentials && world.env("OPENAI_API_KEY").empty();
  out.web_search = WantsWebSearch(environment);
  return out;
}

}  // namespace cove::box
