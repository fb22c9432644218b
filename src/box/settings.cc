#include "box/settings.h"

#include <filesystem>
#include <sstream>

#include "base/text.h"
#include "json/toml.h"

namespace cove::box {
namespace {

namespace fs = std::filesystem;

bool Exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

Result<std::string> NamedConfig(const std::string& path, const std::string& asked) {
  if (IsDirectory(path)) {
    if (Exists(path + "/config.toml")) return path + "/config.toml";
    return Error(Code::kInvalid, "--config directory missing config.toml: " + asked);
  }
  if (Exists(path)) return path;
  return Error(Code::kInvalid, "config file not found: " + asked);
}

// Directories that are not trusted: nothing of theirs is obeyed.
void DropUntrusted(toml::table& settings) {
  toml::table* const projects = settings["projects"].as_table();
  if (projects == nullptr) return;
  for (auto it = projects->begin(); it != projects->end();) {
    const toml::table* const one = it->second.as_table();
    const bool untrusted = one != nullptr && one->size() == 1 &&
                           (*one)["trust_level"].value_or(std::string_view()) == "untrusted";
    it = untrusted ? projects->erase(it) : std::next(it);
  }
  if (projects->empty()) settings.erase("projects");
}

// Whether it, or what is in it, says where something is sent or what is started.
bool Matters(std::string_view key, const toml::node& value) {
  const std::string name = ToLower(key);
  for (const char* word : {"url", "provider", "header", "notify", "mcp", "trust"}) {
    if (name.find(word) != std::string::npos) return true;
  }
  if (const toml::table* table = value.as_table()) {
    for (const auto& [inner, below] : *table) {
      if (Matters(inner.str(), below)) return true;
    }
  }
  return false;
}

}  // namespace

std::vector<std::string> ConfigDirs(const World& world, const Tree& project) {
  std::vector<std::string> out;
  const std::string named = world.env("CODEX_CONFIG_DIR");
  if (!named.empty()) out.push_back(Absolute(named, world));
  if (!world.home.empty()) {
    out.push_back(world.home + "/.codex");
    out.push_back(world.home + "/.config/codex");
  }
  out.push_back(project.path() + "/codex");
  out.push_back(project.path() + "/.codex");
  return out;
}

std::string DecidingSettings(std::string_view config) {
  const toml::parse_result parsed = json::ParseToml(config);
  if (!parsed) return std::string(config);
  toml::table rest = parsed.table();
  for (const char* own : {"model", "model_reasoning_effort", "notice", "tui"}) {
    rest.erase(own);
  }
  DropUntrusted(rest);
  if (rest.empty()) return {};
  std::ostringstream out;
  out << rest;
  return out.str();
}

std::string NamesOfSettings(const std::string& settings) {
  constexpr size_t kShown = 20;
  constexpr size_t kNameBytes = 60;
  const toml::parse_result parsed = json::ParseToml(settings);
  if (!parsed) return "what is no TOML";
  std::vector<std::string> names;
  size_t first = 0;
  for (const auto& [key, value] : parsed.table()) {
    const auto at =
        Matters(key.str(), value) ? names.begin() + static_cast<ptrdiff_t>(first++) : names.end();
    names.insert(at, std::string(key.str().substr(0, kNameBytes)));
  }
  const size_t more = names.size() > kShown ? names.size() - kShown : 0;
  names.resize(names.size() - more);
  std::string out = Join(names, ", ");
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out + (more > 0 ? " and " + std::to_string(more) + " more" : "");
}

Result<std::string> PlaceConfig(const Args& args, const World& world, const Tree& project,
                                const Tree& environment) {
  constexpr mode_t kPrivate = 0600;
  std::string source;
  if (!args.config.empty()) {
    ASSIGN_OR_RETURN(source, NamedConfig(Absolute(args.config, world), args.config));
  } else if (!environment.Stat("config.toml")) {
    for (const std::string& dir : ConfigDirs(world, project)) {
      if (!IsDirectory(dir)) continue;
      if (Exists(dir + "/config.toml")) source = dir + "/config.toml";
      break;
    }
  }
  if (source.empty()) {
    // Best effort: it may be nobody's of ours.
    if (auto own = environment.Read("config.toml")) {
      (void)environment.Write("config.toml", *own, kPrivate);
    }
    return source;
  }
  auto text = ReadHostFile(source, project);
  if (!text) return Error(Code::kInvalid, "cannot copy config.toml: " + text.error().message());
  auto written = environment.Write("config.toml", *text, kPrivate);
  if (!written) {
    return Error(Code::kInvalid, "cannot copy config.toml: " + written.error().message());
  }
  return source;
}

Result<void> PlacePrompts(const Args& args, const World& world, const Tree& project,
                          const Tree& environment) {
  std::vector<std::string> dirs;
  if (!args.config.empty() && IsDirectory(Absolute(args.config, world))) {
    dirs.push_back(Absolute(args.config, world));
  }
  for (std::string& dir : ConfigDirs(world, project)) dirs.push_back(std::move(dir));
  for (const std::string& dir : dirs) {
    auto from = OpenHostDir(dir + "/prompts", project);
    if (!from) continue;
    ASSIGN_OR_RETURN(const Tree to, environment.MakeDir("prompts", 0755));
    ASSIGN_OR_RETURN(const auto names, from->Names());
    for (const std::string& name : names) {
      if (to.Stat(name)) continue;
      const auto text = from->Read(name);
      if (text) RETURN_IF_ERROR(to.Write(name, *text, 0644));
    }
    return Ok();
  }
  return Ok();
}

Result<std::optional<AuthFile>> FindAuth(const Args& args, const World& world, const Places& places,
                                         const Homes& homes) {
  std::string named = args.auth_file;
  if (named.empty()) named = world.env("CODEX_AUTH_FILE");
  if (!named.empty()) {
    const std::string path = Absolute(named, world);
    auto text = ReadFileOf(path, places, homes);
    if (!text) return Error(Code::kInvalid, "auth file not found: " + named);
    return std::optional(AuthFile{path, *std::move(text)});
  }
  std::vector<std::string> dirs;
  if (!args.config.empty()) {
    const std::string config = Absolute(args.config, world);
    dirs.push_back(IsDirectory(config) ? config : fs::path(config).parent_path().string());
  }
  for (std::string& dir : ConfigDirs(world, places.project)) dirs.push_back(std::move(dir));
  // The last is what a login inside leaves.
  dirs.push_back(homes.environment.path());
  const bool has_key = !world.env("OPENAI_API_KEY").empty();
  for (const std::string& dir : dirs) {
    const std::string path = dir + "/auth.json";
    if (has_key && AgentWrites(path, places, homes)) continue;
    auto text = ReadFileOf(path, places, homes);
    // An empty one is only the place where ours is shown.
    if (text && !Trim(*text).empty()) return std::optional(AuthFile{path, *std::move(text)});
  }
  return std::optional<AuthFile>();
}

}  // namespace cove::box
