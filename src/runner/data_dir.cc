#include "runner/data_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cstdio>

#include "base/clock.h"
#include "base/text.h"
#include "image/dir.h"

namespace cove::runner {
namespace {

constexpr size_t kPathMax = 60;  // "/run/box-<uuid>.sock" must fit into a socket address after it

std::string Octal(mode_t mode) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", mode & 07777);
  return text;
}

Error Refuse(std::string text) { return {Code::kDenied, std::move(text)}; }

struct Want {
  mode_t mode;
  uid_t uid;
  gid_t gid;
};

Result<void> MakeOrCheck(const std::string& path, Want want) {
  if (mkdir(path.c_str(), 0700) == 0) {
    if (chown(path.c_str(), want.uid, want.gid) != 0 || chmod(path.c_str(), want.mode) != 0) {
      return image::DiskError("set the owner and mode of " + path);
    }
    return Ok();
  }
  if (errno != EEXIST) return image::DiskError("make " + path);
  struct stat st{};
  if (lstat(path.c_str(), &st) != 0) return Error::FromErrno("stat " + path);
  if (!S_ISDIR(st.st_mode)) return Refuse(path + " is not a directory; move it away");
  if ((st.st_mode & 07777) != want.mode || st.st_uid != want.uid || st.st_gid != want.gid) {
    return Refuse(path + " has mode " + Octal(st.st_mode) + " and owner " +
                  std::to_string(st.st_uid) + ":" + std::to_string(st.st_gid) +
                  "; if nobody else had a hand in it: chown " + std::to_string(want.uid) + ":" +
                  std::to_string(want.gid) + " " + path + " && chmod " + Octal(want.mode) + " " +
                  path);
  }
  return Ok();
}

// Whoever can rename what is above the directory owns it; and the front must be able to pass.
Result<void> CheckParents(const std::string& path) {
  std::string at;
  const std::string_view above = std::string_view(path).substr(0, path.rfind('/'));
  for (const std::string_view part : Split(above, '/')) {
    if (!part.empty()) at += "/" + std::string(part);
    const std::string& here = at.empty() ? std::string("/") : at;
    struct stat st{};
    if (stat(here.c_str(), &st) != 0) {
      return Error::FromErrno("look at " + here + " (make it, or choose another --data)");
    }
    const bool writable = (st.st_mode & 0022) != 0 && (st.st_mode & S_ISVTX) == 0;
    if (st.st_uid != 0 || writable) {
      return Refuse(here + " can be changed by others than root, so --data " + path +
                    " is not safe there; choose another, for example /var/lib/cove");
    }
    if ((st.st_mode & 0001) == 0) {
      return Refuse("the front runs as uid " + std::to_string(kFrontUid) + " and cannot pass " +
                    here + " (mode " + Octal(st.st_mode) +
                    "); choose another --data, or chmod o+x " + here);
    }
  }
  return Ok();
}

Result<void> CheckTop(const std::string& path) {
  struct stat st{};
  if (lstat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == 0) {
    // A fresh directory of root's own, say of mktemp -d: nobody else had a hand in it.
    ASSIGN_OR_RETURN(const UniqueFd dir, image::OpenDirPath(path));
    ASSIGN_OR_RETURN(const auto names, image::SortedNames(dir.get()));
    if (names.empty() && (st.st_mode & 0022) == 0 &&
        (fchown(dir.get(), 0, 0) != 0 || fchmod(dir.get(), 0711) != 0)) {
      return image::DiskError("set the mode of " + path);
    }
  }
  return MakeOrCheck(path, {0711, 0, 0});
}

constexpr seconds kLockWait{2};

Result<UniqueFd> TakeLock(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return image::DiskError("open " + path);
  // A child of a killed runner that was just starting a box holds it until it sees that it is
  // alone.
  const TimePoint until = Now() + kLockWait;
  int locked = flock(fd.get(), LOCK_EX | LOCK_NB);
  while (locked != 0 && errno == EWOULDBLOCK && Now() < until) {
    usleep(2000);
    locked = flock(fd.get(), LOCK_EX | LOCK_NB);
  }
  if (locked != 0) {
    if (errno == EWOULDBLOCK) {
      return Error(Code::kConflict, "another `cove serve` runs on this data directory (" + path +
                                        " is locked); stop it, or choose another --data");
    }
    return Error::FromErrno("lock " + path);
  }
  return fd;
}

}  // namespace

Result<DataDir> DataDir::Open(const std::string& path) {
  if (path.size() > kPathMax) {
    return Error(Code::kInvalid,
                 "--data is longer than 60 bytes; sockets below it could not be named");
  }
  DataDir dir(path);
  RETURN_IF_ERROR(CheckParents(path));
  RETURN_IF_ERROR(CheckTop(path));
  RETURN_IF_ERROR(MakeOrCheck(dir.runner_path(), {0700, 0, 0}));
  ASSIGN_OR_RETURN(dir.lock_, TakeLock(dir.runner_path() + "/lock"));
  for (const char* name : {"/boxes", "/images", "/trash"}) {
    RETURN_IF_ERROR(MakeOrCheck(dir.runner_path() + name, {0700, 0, 0}));
  }
  RETURN_IF_ERROR(MakeOrCheck(dir.front_path(), {0700, kFrontUid, kFrontUid}));
  RETURN_IF_ERROR(MakeOrCheck(path + "/run", {0710, 0, kFrontUid}));
  return dir;
}

Result<void> DataDir::OpenDirs() {
  ASSIGN_OR_RETURN(const UniqueFd runner, image::OpenDirPath(runner_path()));
  ASSIGN_OR_RETURN(boxes_, image::OpenDir(runner.get(), "boxes"));
  ASSIGN_OR_RETURN(images_, image::OpenDir(runner.get(), "images"));
  ASSIGN_OR_RETURN(trash_, image::OpenDir(runner.get(), "trash"));
  ASSIGN_OR_RETURN(run_, image::OpenDirPath(path_ + "/run"));
  return Ok();
}

}  // namespace cove::runner
