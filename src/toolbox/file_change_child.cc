// Changes of the tree: folders, moves, modes, owners, deletions.
#include <dirent.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
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

enum class Deletion { kOne, kWhole };

Result<void> DeleteTree(int parent, const char* name, const std::string& shown, Deletion how,
                        int depth) {
  if (unlinkat(parent, name, 0) == 0) return Ok();
  if (how == Deletion::kOne || (errno != EISDIR && errno != EPERM)) return Error::FromErrno(shown);
  if (depth > kDepthMax) return Error(Code::kInvalid, shown + ": folders are nested too deeply");
  UniqueFd fd(OpenFrom(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (!fd) return Error::FromErrno(shown);
  const int raw = fd.get();
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(fdopendir(raw), closedir);
  if (!folder) return Error::FromErrno(shown);
  (void)fd.Release();
  while (const dirent* entry = readdir(folder.get())) {
    if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
    RETURN_IF_ERROR(DeleteTree(raw, entry->d_name, JoinPath(shown, entry->d_name), how, depth + 1));
  }
  if (unlinkat(parent, name, AT_REMOVEDIR) != 0) return Error::FromErrno(shown);
  return Ok();
}

// The whole filter of the sandbox, for a program of its own (RunFileWorker says what we lack).
void FilterOwnProgram(const std::vector<sock_filter>& filter) {
  if (filter.empty()) return;
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           const_cast<sock_filter*>(filter.data())};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    _exit(127);
  }
}

// The place by its open folder, whatever that is called by now. REQUIRES: fds stay as they are.
std::string ThroughDescriptor(const Place& place) {
  return NameOf(place.folder) + "/" + place.name;
}

// Across file systems, and for folders of a lower layer, which an overlay cannot rename.
Result<void> MoveByCopy(const Place& from, const Place& to, const proto::toolbox::FileMove& m,
                        const std::vector<sock_filter>& filter) {
  const pid_t pid = fork();
  if (pid < 0) return Error::FromErrno("fork");
  if (pid == 0) {
    fcntl(from.folder.get(), F_SETFD, 0);
    fcntl(to.folder.get(), F_SETFD, 0);
    FilterOwnProgram(filter);
    const std::string source = ThroughDescriptor(from);
    const std::string destination = ThroughDescriptor(to);
    for (const char* mv : {"/bin/mv", "/usr/bin/mv"}) {
      execl(mv, "mv", "-T", "--", source.c_str(), destination.c_str(), nullptr);
    }
    _exit(127);
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return Ok();
  return Error(Code::kIo, "cannot move " + m.source + " to another file system: mv failed");
}

// "/", "." and ".." are no names that an entry could be removed or moved by.
Result<Place> FindEntry(const std::string& path) {
  ASSIGN_OR_RETURN(Place place, FindPlace(path, LastLink::kItself));
  if (place.name == "/" || place.name == "." || place.name == "..") {
    return Error(Code::kInvalid, path + " does not end in the name of a file or folder");
  }
  return place;
}

}  // namespace

Outcome MakeFolders(HostLink& host, const std::string& path, uint32_t mode) {
  const UniqueFd there(OpenFrom(AT_FDCWD, path, O_PATH));
  if (there) {
    struct stat info{};
    if (fstat(there.get(), &info) != 0) return PathError(path);
    return S_ISDIR(info.st_mode) ? Done(host) : PathError(path, EEXIST);
  }
  if (errno != ENOENT) return PathError(path);
  ASSIGN_OR_RETURN(const UniqueFd parent, OpenOrMakeFolder(ParentOf(path)));
  const std::string name = BaseName(path);
  // Ours alone until it has its mode, which need not let us open it.
  if (mkdirat(parent.get(), name.c_str(), 0700) != 0 && errno != EEXIST) return PathError(path);
  const UniqueFd folder(OpenFrom(parent.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (!folder || fchmod(folder.get(), mode & kModeBits) != 0) return PathError(path);
  return Done(host);
}

Outcome DeletePath(HostLink& host, const proto::toolbox::FileDelete& request) {
  ASSIGN_OR_RETURN(const Place place, FindEntry(request.path));
  struct stat info{};
  const int parent = place.folder.get();
  if (fstatat(parent, place.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return PathError(request.path);
  }
  if (S_ISDIR(info.st_mode) && !request.recursive) {
    return Error(Code::kInvalid, request.path + " is a folder: set recursive to delete it");
  }
  const Deletion how = request.recursive ? Deletion::kWhole : Deletion::kOne;
  RETURN_IF_ERROR(DeleteTree(parent, place.name.c_str(), request.path, how, 0));
  return Done(host);
}

Outcome MovePath(HostLink& host, const proto::toolbox::FileMove& m,
                 const std::vector<sock_filter>& filter) {
  ASSIGN_OR_RETURN(const Place from, FindEntry(m.source));
  ASSIGN_OR_RETURN(const Place to, FindEntry(m.destination));
  struct stat info{};
  if (fstatat(from.folder.get(), from.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return PathError(m.source);
  }
  if (fstatat(to.folder.get(), to.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    return PathError(m.destination, EEXIST);
  }
  if (syscall(SYS_renameat2, from.folder.get(), from.name.c_str(), to.folder.get(), to.name.c_str(),
              RENAME_NOREPLACE) == 0) {
    return Done(host);
  }
  if (errno != EXDEV) return Error::FromErrno("cannot move " + m.source + " to " + m.destination);
  RETURN_IF_ERROR(MoveByCopy(from, to, m, filter));
  return Done(host);
}

Outcome SetMode(HostLink& host, const proto::toolbox::FileSetMode& request) {
  ASSIGN_OR_RETURN(const UniqueFd file, OpenPath(request.path, O_PATH));
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
    if (fchownat(file.get(), "", uid, gid, AT_EMPTY_PATH) != 0) return PathError(request.path);
  }
  if (!request.mode.empty()) {
    const auto mode = ParseInt<uint32_t>(request.mode, 8);
    if (!mode || *mode > kModeBits) {
      return Error(Code::kInvalid, "\"" + request.mode + "\" is no octal mode such as 0644");
    }
    if (chmod(NameOf(file).c_str(), *mode) != 0) return PathError(request.path);
  }
  return Done(host);
}

}  // namespace cove::toolbox::internal
