#include "box/run_dir.h"

#include <unistd.h>

#include <ctime>
#include <filesystem>

#include "base/text.h"
#include "box/lock.h"
#include "image/dir.h"

namespace cove::box {
namespace {

namespace fs = std::filesystem;

constexpr size_t kAuditsKept = 100;
constexpr uid_t kFrontUid = 61800;

Result<void> MakeRoots(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return Error::FromErrno("make " + path);
  struct stat st{};
  if (lstat(path.c_str(), &st) != 0) return Error::FromErrno("look at " + path);
  if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 0022) != 0) {
    return Error(Code::kDenied, path +
                                    " is not a directory of root's alone; move it away, or "
                                    "name another by COVE_BOX_DIR");
  }
  // Whatever the umask is or was: the front passes through with no rights of root.
  if ((st.st_mode & mode) != mode && chmod(path.c_str(), (st.st_mode | mode) & 07777) != 0) {
    return Error::FromErrno("open " + path + " to Cove's own user");
  }
  return Ok();
}

constexpr std::string_view kNew = ".new";  // ends the name of a file that is not whole yet

// Each appears whole, and belongs to a front.
Result<void> CopyFiles(const std::string& from, const std::string& to,
                       bool (*wanted)(std::string_view name)) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(from, error)) {
    const std::string name = entry.path().filename().string();
    if (!wanted(name) || !entry.is_regular_file(error)) continue;
    const std::string copy = to + "/" + name;
    const std::string part = copy + std::string(kNew);
    fs::copy_file(entry.path(), part, fs::copy_options::overwrite_existing, error);
    if (error) return Error(Code::kInternal, "copy " + name + ": " + error.message());
    if (chown(part.c_str(), kFrontUid, kFrontUid) != 0 || rename(part.c_str(), copy.c_str()) != 0) {
      return Error::FromErrno("own " + copy);
    }
  }
  if (error) return Error(Code::kInternal, "read " + from + ": " + error.message());
  return Ok();
}

Result<void> TakeSeed(const std::string& base, const std::string& data) {
  const std::string front = data + "/front";
  RETURN_IF_ERROR(MakeRoots(front, 0700));
  RETURN_IF_ERROR(
      CopyFiles(base + "/seed", front, [](auto name) { return !name.ends_with(kNew); }));
  if (chown(front.c_str(), kFrontUid, kFrontUid) != 0) return Error::FromErrno("own " + front);
  return Ok();
}

std::string TimeName() {
  const time_t now = time(nullptr);
  tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
  return text;
}

// Held while a directory gets its lock: one that was made just now is not left behind.
Result<UniqueFd> LockRuns(const std::string& base) {
  return Lock(base + "/run.lock", LockKind::kAlone);
}

void KeepAudit(const std::string& base, const std::string& id) {
  const std::string from = base + "/run/" + id + "/data/front/audit";
  const std::string to = base + "/audit/" + TimeName() + "-" + id;
  if (rename(from.c_str(), to.c_str()) != 0) return;
  const auto kept = Tree::Open(base + "/audit");
  const auto names = kept ? kept->Names() : Result<std::vector<std::string>>(kept.error());
  if (!names) return;
  for (size_t i = 0; i + kAuditsKept < names->size(); ++i) {
    (void)image::RemoveTree(kept->fd(), (*names)[i]);
  }
}

void RemoveRun(const std::string& base, const std::string& id) {
  KeepAudit(base, id);
  if (const auto run = image::OpenDirPath(base + "/run")) (void)image::RemoveTree(run->get(), id);
}

}  // namespace

Result<BaseDir> OpenBase(const std::string& path) {
  RETURN_IF_ERROR(MakeRoots(path, 0711));
  RETURN_IF_ERROR(MakeRoots(path + "/run", 0711));
  for (const char* name : {"/built", "/seed", "/hooks", "/audit", "/npm"}) {
    RETURN_IF_ERROR(MakeRoots(path + name, 0700));
  }
  ASSIGN_OR_RETURN(Tree run, Tree::Open(path + "/run"));
  ASSIGN_OR_RETURN(Tree hooks, Tree::Open(path + "/hooks"));
  return BaseDir{path, std::move(run), std::move(hooks)};
}

Result<void> KeepSeed(const std::string& base) {
  const std::string from = base + "/images/front";
  // A database that was closed has all of it in one file.
  std::error_code error;
  if (fs::exists(from + "/cove.db-wal", error)) {
    return Error(Code::kInternal, "the server of images left its database open; try again");
  }
  return CopyFiles(from, base + "/seed", [](std::string_view name) {
    return name == "cove.db" || name.starts_with("ca.");
  });
}

Result<RunDir> RunDir::Make(const BaseDir& base) {
  RunDir out;
  out.base_ = base.path;
  out.id_ = RandomHex(4);
  {
    ASSIGN_OR_RETURN(const UniqueFd runs, LockRuns(base.path));
    RETURN_IF_ERROR(MakeRoots(out.path(), 0711));
    ASSIGN_OR_RETURN(out.lock_, TryLock(out.path() + "/lock", LockKind::kAlone));
  }
  auto filled = out.Fill();
  if (!filled) {
    out.Remove();
    return std::move(filled).error();
  }
  return out;
}

Result<void> RunDir::Fill() const {
  RETURN_IF_ERROR(MakeRoots(data(), 0711));
  RETURN_IF_ERROR(MakeRoots(path() + "/share", 0700));
  return TakeSeed(base_, data());
}

Result<std::string> RunDir::Write(const std::string& name, std::string_view text,
                                  mode_t mode) const {
  ASSIGN_OR_RETURN(const Tree dir, Tree::Open(path()));
  RETURN_IF_ERROR(dir.Write(name, text, mode));
  return path() + "/" + name;
}

void RunDir::Remove() { RemoveRun(base_, id_); }

std::vector<LeftOver> FindLeftOvers(const BaseDir& base) {
  std::vector<LeftOver> out;
  const auto runs = LockRuns(base.path);
  const auto names = base.run.Names();
  if (!runs || !names) return out;
  for (const std::string& name : *names) {
    auto lock = TryLock(base.path + "/run/" + name + "/lock", LockKind::kAlone);
    if (!lock) continue;  // it is in use
    LeftOver left{name, *std::move(lock), false};
    std::error_code error;
    left.has_boxes = !fs::is_empty(base.path + "/run/" + name + "/data/runner/boxes", error);
    if (error) left.has_boxes = false;
    out.push_back(std::move(left));
  }
  return out;
}

void RemoveLeftOver(const BaseDir& base, const LeftOver& left) { RemoveRun(base.path, left.id); }

}  // namespace cove::box
