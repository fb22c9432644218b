// Changes of the tree: folders, moves, modes, owners, deletions.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstring>
#include <memory>

#include "base/text.h"
#include "toolbox/file_worker.h"

namespace cove::toolbox::internal {
namespace {

constexpr int kDepthMax = 1000;
constexpr mode_t kModeBits = 07777;

Outcome Done(HostLink& host) {
  host.Send(Type::kOk, proto::toolbox::Empty{});
  return Ok();
}

Result<void> DeleteTree(int parent, const char* name, const std::string& shown, int depth) {
  if (unlinkat(parent, name, 0) == 0) return Ok();
  if (errno != EISDIR && errno != EPERM) return Error::FromErrno(shown);
  if (depth > kDepthMax) return Error(Code::kInvalid, shown + ": folders are nested too deeply");
  UniqueFd fd(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return Error::FromErrno(shown);
  const int raw = fd.get();
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(fdopendir(raw), closedir);
  if (!folder) return Error::FromErrno(shown);
  (void)fd.Release();
  while (const dirent* entry = readdir(folder.get())) {
    if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
    RETURN_IF_ERROR(DeleteTree(raw, entry->d_name, JoinPath(shown, entry->d_name), depth + 1));
  }
  if (unlinkat(parent, name, AT_REMOVEDIR) != 0) return Error::FromErrno(shown);
  return Ok();
}

// Across file systems, and for folders of a lower layer, which an overlay cannot rename.
Result<void> MoveByCopy(const proto::toolbox::FileMove& m) {
  const pid_t pid = fork();
  if (pid < 0) return Error::FromErrno("fork");
  if (pid == 0) {
    for (const char* mv : {"/bin/mv", "/usr/bin/mv"}) {
      execl(mv, "mv", "-T", "--", m.source.c_str(), m.destination.c_str(), nullptr);
    }
    _exit(127);
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return Ok();
  return Error(Code::kIo, "cannot move " + m.source + " to another file system: mv failed");
}

}  // namespace

std::string BaseName(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return path;
  return slash + 1 == path.size() ? "/" : path.substr(slash + 1);
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string JoinPath(const std::string& folder, const std::string& name) {
  return folder.ends_with('/') ? folder + name : folder + "/" + name;
}

Result<void> MakeParents(const std::string& path) {
  if (mkdir(path.c_str(), 0755) == 0) return Ok();
  if (errno == EEXIST) return Ok();  // what stands there is judged by whoever uses it
  if (errno != ENOENT) return Error::FromErrno(path);
  const std::string parent = ParentOf(path);
  if (parent == path) return Error::FromErrno(path);
  RETURN_IF_ERROR(MakeParents(parent));
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return Error::FromErrno(path);
  return Ok();
}

Outcome MakeFolders(HostLink& host, const std::string& path, uint32_t mode) {
  struct stat info{};
  if (stat(path.c_str(), &info) == 0) {
    if (!S_ISDIR(info.st_mode)) return Error::FromErrno(path, EEXIST);
    return Done(host);
  }
  RETURN_IF_ERROR(MakeParents(ParentOf(path)));
  if (mkdir(path.c_str(), mode & kModeBits) != 0 && errno != EEXIST) return Error::FromErrno(path);
  if (chmod(path.c_str(), mode & kModeBits) != 0) return Error::FromErrno(path);
  return Done(host);
}

Outcome DeletePath(HostLink& host, const proto::toolbox::FileDelete& request) {
  struct stat info{};
  if (lstat(request.path.c_str(), &info) != 0) return Error::FromErrno(request.path);
  if (S_ISDIR(info.st_mode) && !request.recursive) {
    return Error(Code::kInvalid, request.path + " is a folder: set recursive to delete it");
  }
  RETURN_IF_ERROR(DeleteTree(AT_FDCWD, request.path.c_str(), request.path, 0));
  return Done(host);
}

Outcome MovePath(HostLink& host, const proto::toolbox::FileMove& m) {
  struct stat info{};
  if (lstat(m.source.c_str(), &info) != 0) return Error::FromErrno(m.source);
  if (lstat(m.destination.c_str(), &info) == 0) return Error::FromErrno(m.destination, EEXIST);
  if (syscall(SYS_renameat2, AT_FDCWD, m.source.c_str(), AT_FDCWD, m.destination.c_str(),
              RENAME_NOREPLACE) == 0) {
    return Done(host);
  }
  if (errno != EXDEV) return Error::FromErrno("cannot move " + m.source + " to " + m.destination);
  RETURN_IF_ERROR(MoveByCopy(m));
  return Done(host);
}

Outcome SetMode(HostLink& host, const proto::toolbox::FileSetMode& request) {
  if (!request.owner.empty() || !request.group.empty()) {
    uid_t uid = static_cast<uid_t>(-1);
    gid_t gid = static_cast<gid_t>(-1);
    if (const auto number = ParseInt<uint32_t>(request.owner)) {
      uid = *number;
    } else if (!request.owner.empty()) {
      ASSIGN_OR_RETURN(const Account account, FindAccount(request.owner));
      uid = account.uid;
    }
    if (!request.group.empty()) {
      ASSIGN_OR_RETURN(gid, FindGroup(request.group));
    }
    if (chown(request.path.c_str(), uid, gid) != 0) return Error::FromErrno(request.path);
  }
  if (!request.mode.empty()) {
    const auto mode = ParseInt<uint32_t>(request.mode, 8);
    if (!mode || *mode > kModeBits) {
      return Error(Code::kInvalid, "\"" + request.mode + "\" is no octal mode such as 0644");
    }
    if (chmod(request.path.c_str(), *mode) != 0) return Error::FromErrno(request.path);
  }
  return Done(host);
}

}  // namespace cove::toolbox::internal
