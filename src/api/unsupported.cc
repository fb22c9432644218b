// Parts of the contract that this server does not have: a 501 that names the feature, so that a
// client's user is not left to guess from a 404.
#include "api/routes.h"

namespace cove::api {
namespace {

template <const char* kWhat>
Task<Result<void>> Refuse(Call& call) {
  return call.ReplyUnsupported(kWhat);
}

constexpr char kArchive[] = "archiving a sandbox (stop it instead; its files stay)";
constexpr char kFork[] = "forking a sandbox (take a snapshot and create from it instead)";
constexpr char kBackup[] = "backups";
constexpr char kSsh[] = "SSH access";
constexpr char kSigning[] = "signed file URLs";
constexpr char kMetrics[] = "the telemetry of a sandbox";
constexpr char kBuildLogs[] = "image builds";
constexpr char kVolumes[] = "volumes";
constexpr char kRegistries[] = "container registries";
constexpr char kOrganizations[] = "more than one organisation";
constexpr char kRegions[] = "more than one region";
constexpr char kObjectStorage[] = "image builds (there is no object storage for their context)";
constexpr char kInterpreter[] = "the code interpreter";
constexpr char kGit[] = "the git routes (run git as a command instead)";
constexpr char kLsp[] = "language servers";
constexpr char kComputerUse[] = "computer use";
constexpr char kEnv[] = "changing the environment of a running sandbox";

template <const char* kWhat>
void RefuseAll(Routes& routes, const std::string& pattern) {
  for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
    routes.Add(method, pattern, &Refuse<kWhat>);
  }
}

template <const char* kWhat>
void RefuseInside(Routes& routes, const std::string& pattern) {
  for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
    routes.AddInside(method, pattern, &Refuse<kWhat>, Area::kToolbox);
  }
}

// The collection and everything below it.
template <const char* kWhat>
void RefuseTree(Routes& routes, const std::string& root) {
  RefuseAll<kWhat>(routes, root);
  RefuseAll<kWhat>(routes, root + "/{rest...}");
}

}  // namespace

void AddUnsupportedRoutes(Routes& routes) {
  const std::string box = "/api/sandbox/{sandbox}";
  routes.Add("POST", box + "/archive", &Refuse<kArchive>);
  routes.Add("POST", box + "/fork", &Refuse<kFork>);
  routes.Add("GET", box + "/forks", &Refuse<kFork>);
  routes.Add("POST", box + "/backup", &Refuse<kBackup>);
  routes.Add("POST", box + "/ssh-access", &Refuse<kSsh>);
  routes.Add("DELETE", box + "/ssh-access", &Refuse<kSsh>);
  routes.Add("GET", box + "/signing-key", &Refuse<kSigning>);
  routes.Add("POST", box + "/signing-key/rotate", &Refuse<kSigning>);
  routes.Add("GET", box + "/telemetry/{kind}", &Refuse<kMetrics>);
  routes.Add("GET", box + "/build-logs", &Refuse<kBuildLogs>);
  routes.Add("GET", box + "/build-logs-url", &Refuse<kBuildLogs>);
  routes.Add("GET", "/api/snapshots/{snapshot}/build-logs-url", &Refuse<kBuildLogs>);
  RefuseTree<kVolumes>(routes, "/api/volumes");
  RefuseTree<kRegistries>(routes, "/api/docker-registry");
  RefuseTree<kOrganizations>(routes, "/api/organizations");
  RefuseTree<kRegions>(routes, "/api/regions");
  RefuseTree<kObjectStorage>(routes, "/api/object-storage");
  RefuseInside<kInterpreter>(routes, "/process/interpreter/{rest...}");
  RefuseInside<kGit>(routes, "/git/{rest...}");
  RefuseInside<kLsp>(routes, "/lsp/{rest...}");
  RefuseInside<kComputerUse>(routes, "/computeruse/{rest...}");
  routes.AddInside("POST", "/env", &Refuse<kEnv>, Area::kToolbox);
  routes.AddInside("GET", "/system/metrics", &Refuse<kMetrics>, Area::kToolbox);
}

}  // namespace cove::api
