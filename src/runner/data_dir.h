// The data directory: its layout, who owns what, and the lock that makes one server its owner.
//
//   DIR          0711 root        nothing else of Cove's is outside it, but cgroups
//                                 and the registry of uid ranges
//   DIR/runner   0700 root        boxes/ images/ trash/ lock, disk.img and where it
//                                 is mounted, disk/; bound onto itself nosuid,nodev in the
//                                 runner's mount namespace, because owners on disk are canonical:
//                                 a set-uid root file of a sandbox is a real one here
//   DIR/front    0700 front       database, admin key, audit
//   DIR/run      0710 root:front  box-<id>.sock
//
// What exists with other owners or modes is refused with what to do, never repaired: somebody else
// may have had a hand in it. See docs/decisions/0020. Thread: one.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"
#include "base/strong_id.h"
#include "base/unique_fd.h"

namespace cove::runner {

// The uid and gid of the front. See docs/decisions/0022.
inline constexpr uid_t kFrontUid = 61800;

class DataDir {
 public:
  // Checks or makes the layout and takes the lock. kConflict: another server has it. kDenied: an
  // owner or mode is not as it must be. REQUIRES: effective uid 0.
  static Result<DataDir> Open(const std::string& path);

  // Opens the directories; after EnterMountNamespace(), so that they lie on the mount made there.
  Result<void> OpenDirs();

  const std::string& path() const { return path_; }
  std::string runner_path() const { return path_ + "/runner"; }
  std::string front_path() const { return path_ + "/front"; }
  std::string box_path(const SandboxId& id) const { return path_ + "/runner/boxes/" + id.value; }
  std::string layer_path(const ImageId& id) const {
    return path_ + "/runner/images/" + id.value + "/root";
  }
  std::string socket_path(const SandboxId& id) const {
    return path_ + "/run/box-" + id.value + ".sock";
  }
  int boxes() const { return boxes_.get(); }
  int images() const { return images_.get(); }
  int trash() const { return trash_.get(); }
  int run() const { return run_.get(); }

 private:
  explicit DataDir(std::string path) : path_(std::move(path)) {}
  std::string path_;
  UniqueFd lock_;
  UniqueFd boxes_;
  UniqueFd images_;
  UniqueFd trash_;
  UniqueFd run_;
};

// What is at this absolute path, with no symbolic link anywhere on the way. kDenied: there is one.
Result<UniqueFd> OpenExactly(const std::string& path, int flags);

// Another server's directory of images over this one's, read-only.
Result<void> BindImages(const std::string& images, const std::string& place);

// Gives the process a mount namespace of its own (the host's mounts still come in, ours never go
// out), and binds `runner_path` onto itself nosuid,nodev. `images`, unless it is empty, is another
// server's directory of images, bound over this one's read-only.
Result<void> EnterMountNamespace(const std::string& runner_path, const std::string& images);

}  // namespace cove::runner
