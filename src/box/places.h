// Places: which directories of the host a box sees, found and checked as the wrapper's rules say.
// Errors are the texts that people see after "Error: ". Thread: any; calls block on the disk.
#pragma once

#include <optional>

#include "box/args.h"
#include "box/tree.h"
#include "box/world.h"

namespace cove::box {

struct ReadOnlyPath {
  std::string path;  // resolved
};

// A directory that Codex writes to, outside the project: needs somebody's consent.
struct Outside {
  std::string option;
  std::string path;
};

struct Places {
  Tree project;
  std::string codex_home;
  std::string sessions;  // empty: below the environment
  std::vector<std::string> read_only;
  std::vector<Outside> outside;
};

// The work directory: --work_dir, else WORKSPACE_ROOT_DIR, else where we are.
Result<Tree> FindProject(const Args& args, const World& world);
// All of it. Nothing is made yet.
Result<Places> FindPlaces(const Args& args, const World& world);

// What Codex finds as CODEX_HOME, made where it is missing.
struct Homes {
  Tree environment;
  Tree sessions;
};
Result<Homes> MakeHomes(const Places& places);

// Can what runs in a box write this file of the host? By its name, or by what that leads to.
bool AgentWrites(const std::string& path, const Places& places, const Homes& homes);
// A file of the host: where an agent can write no link is followed, else as anybody would.
Result<std::string> ReadFileOf(const std::string& path, const Places& places, const Homes& homes);
// All the names by which a box sees it; none if it does not.
std::vector<std::string> SeenAs(const std::string& path, const Places& places, const Homes& homes);

inline constexpr char kCodexHome[] = "/codex_home";
// Where `path` of the host is inside.
inline std::string InsidePath(const std::string& path) { return "/app" + path; }
// Absolute, without "." and "..".
std::string Absolute(const std::string& path, const World& world);
// Absolute and without links; nothing if it is not there.
std::optional<std::string> Resolve(const std::string& path);
bool IsDirectory(const std::string& path);

}  // namespace cove::box
