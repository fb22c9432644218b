#include "box/traces.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdio>

#include "box/say.h"
#include "image/sha256.h"

namespace cove::box {
namespace {

constexpr int kDepthMax = 6;
constexpr size_t kEntriesMax = 4096;
constexpr size_t kShown = 20;
constexpr off_t kBytesRead = 256 * 1024;

// Files, and directories with all that is in them.
constexpr const char* kRunLater[] = {".git",
                                     ".gitmodules",
                                     ".codex/config.toml",
                                     ".codex/hooks.json",
                                     ".codex/hooks",
                                     ".codex/rules",
                                     ".codex/prompts",
                                     ".codex/skills",
                                     ".codex/agents",
                                     ".codex/.environment/hooks.json",
                                     ".codex/.environment/rules",
                                     ".codex/.environment/prompts",
                                     ".codex/.environment/AGENTS.md",
                                     "codex",
                                     ".agents",
                                     ".claude",
                                     ".cursor",
                                     ".gemini",
                                     ".mcp.json",
                                     ".vscode",
                                     ".idea",
                                     ".devcontainer",
                                     ".devcontainer.json",
                                     ".envrc",
                                     ".mise.toml",
                                     "mise.toml",
                                     ".npmrc",
                                     ".yarnrc.yml",
                                     ".husky",
                                     ".pre-commit-config.yaml",
                                     "lefthook.yml"};
// Of .git, where everything else is data.
constexpr const char* kInGit[] = {"config",  "config.worktree", "hooks",    "info/attributes",
                                  "modules", "worktrees",       "commondir"};

std::string Kind(const struct stat& st) {
  if (S_ISLNK(st.st_mode)) return "a symbolic link";
  return S_ISREG(st.st_mode) ? "a file" : "something else";
}

// Of a file too big to be worth reading: its size and last change, which nobody can set.
std::string Print(const Tree& tree, const std::string& name, const struct stat& st) {
  if (S_ISREG(st.st_mode) && st.st_size <= kBytesRead) {
    if (const auto text = tree.Read(name)) {
      image::Sha256 hash;
      hash.Update(*text);
      return hash.Hex() + ((st.st_mode & 0111) != 0 ? " x" : "");
    }
  }
  return Kind(st) + " " + std::to_string(st.st_size) + " " + std::to_string(st.st_ctim.tv_sec) +
         "." + std::to_string(st.st_ctim.tv_nsec);
}

// Objects and logs of a submodule are data, like those of the repository itself.
bool IsGitData(const std::string& path, const std::string& name) {
  return path.starts_with(".git/") && (name == "objects" || name == "logs" || name == "refs");
}

// A share makes its owner the box's user: of others it would give what the project does not.
bool HasOwnerOf(const Tree& project, const std::string& name) {
  struct stat mine{};
  struct stat st{};
  return fstat(project.fd(), &mine) == 0 &&
         fstatat(project.fd(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
         st.st_uid == mine.st_uid && st.st_gid == mine.st_gid;
}

std::string ForPeople(const std::string& path) {
  std::string out = path;
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

}  // namespace

void Traces::LookAt(const Tree& tree, const std::string& name, const std::string& path, int depth) {
  if (depth > kDepthMax || seen_.size() >= kEntriesMax) return;
  const size_t slash = name.rfind('/');
  if (slash != std::string::npos) {
    const auto parent = tree.OpenDir(name.substr(0, slash));
    if (parent) LookAt(*parent, name.substr(slash + 1), path, depth);
    return;
  }
  struct stat st{};
  if (fstatat(tree.fd(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (!S_ISDIR(st.st_mode)) {
    seen_[path] = Print(tree, name, st);
    return;
  }
  const auto dir = tree.OpenDir(name);
  if (!dir) return;
  if (path == ".git") {
    for (const char* each : kInGit) LookAt(*dir, each, path + "/" + each, depth + 1);
    return;
  }
  const auto names = dir->Names();
  if (!names) return;
  for (const std::string& each : *names) {
    if (!IsGitData(path, each)) LookAt(*dir, each, path + "/" + each, depth + 1);
  }
}

Traces Traces::Of(const Tree& project) {
  Traces out;
  for (const char* name : kRunLater) out.LookAt(project, name, name, 0);
  return out;
}

std::vector<std::string> Traces::Since(const Traces& before) const {
  std::vector<std::string> out;
  for (const auto& [path, print] : seen_) {
    const auto old = before.seen_.find(path);
    if (old == before.seen_.end() || old->second != print) out.push_back(ForPeople(path));
  }
  for (const auto& [path, print] : before.seen_) {
    if (!seen_.contains(path)) out.push_back(ForPeople(path) + " (gone)");
  }
  std::sort(out.begin(), out.end());
  return out;
}

void WarnOf(const std::vector<std::string>& traces) {
  if (traces.empty()) return;
  Warn(
      "the box changed what programs of this machine run or obey by themselves; look at it before "
      "you use git, an editor or an agent here:");
  for (size_t i = 0; i < std::min(traces.size(), kShown); ++i) {
    std::fprintf(stderr, "  %s\n", traces[i].c_str());
  }
  if (traces.size() > kShown) {
    std::fprintf(stderr, "  and %zu more\n", traces.size() - kShown);
  }
}

std::vector<Guarded> GuardedOf(const Tree& project) {
  std::vector<Guarded> out;
  const Guarded wanted[] = {{".git", {"config", "hooks"}}, {".codex", {"config.toml"}}};
  for (const Guarded& one : wanted) {
    const auto dir = project.OpenDir(one.parent);
    if (!dir || !HasOwnerOf(project, one.parent)) continue;
    Guarded there{one.parent, {}};
    for (const std::string& name : one.names) {
      const bool plain = dir->Stat(name).ok() || dir->HasDir(name);
      if (plain && HasOwnerOf(project, one.parent + "/" + name)) there.names.push_back(name);
    }
    if (!there.names.empty()) out.push_back(std::move(there));
  }
  return out;
}

}  // namespace cove::box
