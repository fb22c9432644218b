#include "box/places.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <climits>
#include <filesystem>

namespace cove::box {
namespace {

namespace fs = std::filesystem;

// Of what may not be there yet: the part that is there is resolved. What lies in the project keeps
// its name: an agent may have put a link there, and Tree refuses those.
std::string ResolveWritable(const std::string& path, const World& world, const Tree& project) {
  const std::string absolute = Absolute(path, world);
  if (IsWithin(absolute, project.path())) return absolute;
  std::error_code error;
  const std::string out = fs::weakly_canonical(absolute, error).string();
  return error ? absolute : out;
}

// Of the operator's own choice and outside the project, so links on the way are his.
Result<Tree> MakeAnywhere(const std::string& path, const Tree& project) {
  const std::string inside = RelativeTo(path, project.path());
  if (!inside.empty()) return project.MakeDir(inside, 0755);
  if (path == project.path()) return Tree::Open(path);
  if (IsDirectory(path)) return Tree::Open(path);
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return Error(Code::kInvalid, "cannot make " + path + ": " + error.message());
  struct stat st{};
  if (fstat(project.fd(), &st) != 0 || chown(path.c_str(), st.st_uid, st.st_gid) != 0) {
    return Error::FromErrno("give " + path + " to the project's owner");
  }
  return Tree::Open(path);
}

}  // namespace

std::optional<std::string> Resolve(const std::string& path) {
  char out[PATH_MAX];
  if (realpath(path.c_str(), out) == nullptr) return std::nullopt;
  return std::string(out);
}

bool IsDirectory(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

std::string Absolute(const std::string& path, const World& world) {
  std::string out = (fs::path(world.cwd) / path).lexically_normal().string();
  while (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

Result<Tree> FindProject(const Args& args, const World& world) {
  const std::string root = world.env("WORKSPACE_ROOT_DIR");
  std::string asked = args.work_dir;
  if (asked.empty()) asked = root.empty() ? world.cwd : root;
  const auto found = Resolve(Absolute(asked, world));
  if (!found) return Error(Code::kInvalid, "Unable to resolve work directory path.");
  if (*found == "/") return Error(Code::kInvalid, "refusing to use / as work directory.");
  if (!IsDirectory(*found)) {
    return Error(Code::kInvalid, "Work directory does not exist: " + *found);
  }
  if (!root.empty()) {
    const auto bound = Resolve(Absolute(root, world));
    if (!bound || !IsWithin(*found, *bound)) {
      return Error(Code::kInvalid,
                   "work directory must be inside WORKSPACE_ROOT_DIR (" + root + ")");
    }
  }
  return Tree::Open(*found);
}

Result<Places> FindPlaces(const Args& args, const World& world) {
  ASSIGN_OR_RETURN(Tree project, FindProject(args, world));
  Places out{std::move(project), {}, {}, {}, {}};
  const std::string& dir = out.project.path();
  out.codex_home = dir + "/.codex";
  if (!args.codex_home.empty()) {
    out.codex_home = ResolveWritable(args.codex_home, world, out.project);
    if (!IsWithin(out.codex_home, dir)) out.outside.push_back({"--codex-home", out.codex_home});
  }
  if (!args.sessions_path.empty()) {
    out.sessions = ResolveWritable(args.sessions_path, world, out.project);
    if (!IsWithin(out.sessions, dir)) out.outside.push_back({"--sessions-path", out.sessions});
  }
  for (const std::string& path : args.read_only) {
    const auto found = Resolve(Absolute(path, world));
    if (!found) return Error(Code::kInvalid, "Read-only path does not exist: " + path);
    if (*found == "/") return Error(Code::kInvalid, "refusing to mount / read-only.");
    out.read_only.push_back(*found);
  }
  return out;
}

Result<Homes> MakeHomes(const Places& places) {
  ASSIGN_OR_RETURN(const Tree home, MakeAnywhere(places.codex_home, places.project));
  ASSIGN_OR_RETURN(Tree environment, home.MakeDir(".environment", 0755));
  ASSIGN_OR_RETURN(Tree own, environment.MakeDir("sessions", 0755));
  if (places.sessions.empty()) return Homes{std::move(environment), std::move(own)};
  ASSIGN_OR_RETURN(Tree sessions, MakeAnywhere(places.sessions, places.project));
  return Homes{std::move(environment), std::move(sessions)};
}

std::vector<std::string> SeenAs(const std::string& path, const Places& places, const Homes& homes) {
  const std::string& project = places.project.path();
  const std::string home = kCodexHome;
  const std::pair<std::string, std::string> shared[] = {{homes.environment.path(), home},
                                                        {homes.sessions.path(), home + "/sessions"},
                                                        {project, InsidePath(project)}};
  std::vector<std::string> names = {path};
  const auto resolved = Resolve(path);
  if (resolved && *resolved != path) names.push_back(*resolved);
  std::vector<std::string> out;
  for (const std::string& name : names) {
    for (const auto& [source, target] : shared) {
      if (IsWithin(name, source)) out.push_back(target + name.substr(source.size()));
    }
  }
  return out;
}

Result<std::string> ReadFileOf(const std::string& path, const Places& places, const Homes& homes) {
  for (const Tree* tree : {&homes.environment, &homes.sessions}) {
    const std::string inside = RelativeTo(path, tree->path());
    if (!inside.empty()) return tree->Read(inside);
  }
  return ReadHostFile(path, places.project);
}

bool AgentWrites(const std::string& path, const Places& places, const Homes& homes) {
  return !SeenAs(path, places, homes).empty();
}

}  // namespace cove::box
