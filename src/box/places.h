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

// Where `path` of the host is inside.
inline std::string InsidePath(const std::string& path) { return "/app" + path; }
// Absolute, without "." and "..".
std::string Absolute(const std::string& path, const World& world);

}  // namespace cove::box
