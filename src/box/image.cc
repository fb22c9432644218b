#include "box/image.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "agents/codex_config.h"
#include "agents/codex_snapshot.h"
#include "agents/codex_version.h"
#include "async/timer.h"
#include "base/text.h"
#include "box/lock.h"
#include "box/npm.h"
#include "box/run_dir.h"
#include "box/server_api.h"
#include "box/tree.h"

namespace cove::box {
namespace {

// The user that boxes run as, instead of the one of other sandboxes; the rest is what the wrapper's
// image has.
constexpr char kBecomeCodex[] = R"SH(
exec sudo -n sh -c '
  set -e
  sed -i "s|^daytona:\(.*\):/home/daytona:|codex:\1:/home/codex:|" /etc/passwd
  sed -i "s|^daytona:|codex:|; s|:daytona$|:codex|" /etc/group
  rm -f /etc/sudoers.d/daytona
  mv /home/daytona /home/codex
  mkdir -p /home/codex/.config /workspace /codex_home /app
  chown 1000:1000 /home/codex/.config /workspace
'
)SH";

std::string Script(const std::string& version) {
  return agents::CodexInstallScript(version) + kBecomeCodex;
}

bool IsVersion(std::string_view text) {
  return !text.empty() && text[0] >= '0' && text[0] <= '9' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '.' || c == '-' || c == '+';
         });
}

// Changes when the host's packages do: boxes then get the new ones.
std::string HostState() {
  std::string out;
  for (const char* path :
       {"/var/lib/dpkg/status", "/usr/bin", "/usr/local/bin", "/etc/ssl/certs"}) {
    struct stat st{};
    if (stat(path, &st) != 0) continue;
    out += std::to_string(st.st_mtim.tv_sec) + "." + std::to_string(st.st_mtim.tv_nsec) + " ";
  }
  return out;
}

Task<Result<UniqueFd>> LockAndWait(std::string path) {
  for (;;) {
    auto fd = TryLock(path, LockKind::kAlone);
    if (fd || fd.error().sys_errno() != EWOULDBLOCK) co_return fd;
    co_await async::Sleep(milliseconds(100));
  }
}

// "registry.example/codex" and the like become names of snapshots.
std::string SnapshotPrefix(std::string repository) {
  for (char& c : repository) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    if (!plain) c = '_';
  }
  return repository + ":";
}

// Snapshots of an older state that no box uses any more.
Task<void> RemoveOld(agents::ApiClient& api, std::string repository_and_version,
                     std::string current, std::string marks, std::string lock_path) {
  const auto alone = TryLock(lock_path, LockKind::kAlone);
  if (!alone) co_return;
  auto tree = Tree::Open(marks);
  auto names = tree ? tree->Names() : Result<std::vector<std::string>>(tree.error());
  if (!names) co_return;
  for (const std::string& name : *names) {
    if (!name.starts_with(repository_and_version) || name == current) continue;
    agents::ApiRequest request;
    request.method = "DELETE";
    request.path = "/api/snapshots/" + PercentEncode(name);
    if (co_await api.Call(std::move(request))) tree->Remove(name);
  }
}

Task<Result<void>> Build(ImageWish wish, std::string name, std::string base, OnProgress say) {
  ServerOptions options;
  options.data = base + "/images";
  options.log = base + "/images.log";
  CO_ASSIGN_OR_RETURN(PrivateServer server, co_await PrivateServer::Start(std::move(options)));
  {
    ServerApi api(server);
    agents::SnapshotRecipe recipe{name, "Codex " + wish.version, Script(wish.version)};
    std::string builder;
    CO_RETURN_IF_ERROR(
        co_await agents::EnsureSnapshot(api.client(), std::move(recipe), say, &builder));
    co_await RemoveOld(api.client(), SnapshotPrefix(wish.repository) + wish.version + "-", name,
                       base + "/built", base + "/images.lock");
  }
  CO_RETURN_IF_ERROR(co_await server.Stop());
  CO_RETURN_IF_ERROR(KeepSeed(base));
  CO_ASSIGN_OR_RETURN(const Tree marks, Tree::Open(base + "/built"));
  co_return marks.Write(name, "", 0600);
}

std::string SnapshotName(const ImageWish& wish, const std::string& state) {
  return SnapshotPrefix(wish.repository) + wish.version + "-" +
         agents::RecipeFingerprint(Script(wish.version) + state);
}

// The version of the image that was made last; empty: none is there.
std::string NewestBuilt(const std::string& base, const std::string& repository) {
  const auto marks = Tree::Open(base + "/built");
  const auto names = marks ? marks->Names() : Result<std::vector<std::string>>(marks.error());
  if (!names) return {};
  const std::string prefix = SnapshotPrefix(repository);
  std::string newest;
  time_t when = 0;
  for (const std::string& name : *names) {
    const auto st = marks->Stat(name);
    const size_t end = name.rfind('-');
    if (!st || !name.starts_with(prefix) || end == std::string::npos || st->st_mtime < when) {
      continue;
    }
    when = st->st_mtime;
    newest = name.substr(prefix.size(), end - prefix.size());
  }
  return newest;
}

}  // namespace

ImageName ParseImageName(const std::string& text) {
  const size_t slash = text.rfind('/');
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || (slash != std::string::npos && colon < slash)) {
    return {text, ""};
  }
  return {text.substr(0, colon), text.substr(colon + 1)};
}

Result<ImageWish> WishedImage(const Args& args, const World& world, const Tree& project,
                              const std::string& base, std::string* warning) {
  std::string text = world.env("CODEX_DOCKER_IMAGE");
  if (text.empty()) text = "codex-sandbox";
  ImageName name = ParseImageName(text);
  ImageWish out;
  out.repository = std::move(name.repository);
  out.version = args.codex_version;
  if (out.version.empty()) out.version = world.env("CODEX_VERSION");
  if (out.version.empty()) out.version = name.tag;
  if (out.version.empty()) out.version = agents::kCodexVersion;
  if (out.version == "latest") {
    auto latest = LatestCodexVersion(world, project, base + "/npm");
    if (!latest) {
      const std::string newest = NewestBuilt(base, out.repository);
      if (world.env("ALLOW_REMOTE_IMAGE_PULL") != "1" || newest.empty()) {
        return std::move(latest).error();
      }
      latest = newest;
      *warning = "the latest Codex version cannot be found; using the local " + *latest + ".";
    }
    out.version = *std::move(latest);
  }
  if (!IsVersion(out.version) || out.version.size() > 40 || out.repository.empty() ||
      out.repository.size() > 64) {
    return Error(Code::kInvalid, "'" + out.repository + ":" + out.version +
                                     "' is no Codex version; write it like 0.169.0, or latest.");
  }
  return out;
}

Task<Result<BoxImage>> EnsureImage(ImageWish wish, std::string base, OnProgress say) {
  const std::string name = SnapshotName(wish, HostState());
  const std::string mark = base + "/built/" + name;
  std::error_code error;
  for (;;) {
    if (!std::filesystem::exists(mark, error)) {
      CO_ASSIGN_OR_RETURN(const UniqueFd mine, co_await LockAndWait(base + "/lock"));
      if (!std::filesystem::exists(mark, error)) {
        CO_RETURN_IF_ERROR(co_await Build(wish, name, base, say));
      }
    }
    CO_ASSIGN_OR_RETURN(UniqueFd lock, Lock(base + "/images.lock", LockKind::kShared));
    // Somebody may have removed it before it was ours.
    if (std::filesystem::exists(mark, error)) {
      co_return BoxImage{name, base + "/images", std::move(lock)};
    }
  }
}

}  // namespace cove::box
