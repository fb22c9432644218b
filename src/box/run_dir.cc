#include "box/run_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>

#include "base/text.h"
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
  return Ok();
}

// The database and the authority, without which images have no names and no trust.
Result<void> TakeOver(const std::string& images, const std::string& data) {
  std::error_code error;
  fs::create_directory(data + "/front", error);
  if (error) return Error(Code::kInternal, "make " + data + "/front: " + error.message());
  for (const auto& entry : fs::directory_iterator(images + "/front", error)) {
    const std::string name = entry.path().filename().string();
    const bool wanted = name == "cove.db" || name == "cove.db-wal" || name.starts_with("ca.");
    if (!wanted || !entry.is_regular_file(error)) continue;
    const std::string to = data + "/front/" + name;
    fs::copy_file(entry.path(), to, error);
    if (error) return Error(Code::kInternal, "copy " + name + ": " + error.message());
    if (chown(to.c_str(), kFrontUid, kFrontUid) != 0) return Error::FromErrno("own " + to);
  }
  if (error) return Error(Code::kInternal, "read " + images + "/front: " + error.message());
  if (chown((data + "/front").c_str(), kFrontUid, kFrontUid) != 0 ||
      chmod((data + "/front").c_str(), 0700) != 0) {
    return Error::FromErrno("own " + data + "/front");
  }
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

Result<UniqueFd> TryLock(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd || flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return Error::FromErrno("lock " + path);
  return fd;
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
  for (const char* name : {"/built", "/hooks", "/audit", "/npm"}) {
    RETURN_IF_ERROR(MakeRoots(path + name, 0700));
  }
  ASSIGN_OR_RETURN(Tree run, Tree::Open(path + "/run"));
  ASSIGN_OR_RETURN(Tree hooks, Tree::Open(path + "/hooks"));
  return BaseDir{path, std::move(run), std::move(hooks)};
}

Result<RunDir> RunDir::Make(const BaseDir& base, const std::string& images) {
  RunDir out;
  out.base_ = base.path;
  out.id_ = RandomHex(4);
  RETURN_IF_ERROR(MakeRoots(out.path(), 0711));
  ASSIGN_OR_RETURN(out.lock_, TryLock(out.path() + "/lock"));
  RETURN_IF_ERROR(MakeRoots(out.data(), 0711));
  RETURN_IF_ERROR(MakeRoots(out.path() + "/share", 0700));
  auto taken = TakeOver(images, out.data());
  if (!taken) {
    out.Remove();
    return std::move(taken).error();
  }
  return out;
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
  const auto names = base.run.Names();
  if (!names) return out;
  for (const std::string& name : *names) {
    auto lock = TryLock(base.path + "/run/" + name + "/lock");
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
