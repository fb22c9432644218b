// RunDir: where one box lives while it runs, and the directories beside it:
//
//   BASE/images/     data directory of the server that makes images; BASE/built/ marks those made
//   BASE/seed/       what a box's own server takes over of that one, without which images have no
//                    names and no trust: its database and its authority
//   BASE/run/ID/     data/ of the box's own server, share/ files that the box is shown, cove.toml,
//                    server.log, env (for a second terminal), lock
//   BASE/hooks/      the hashes of init hooks and other files that were approved
//   BASE/npm/        what npm keeps
//   BASE/audit/      the audit logs of the last boxes, as they were
//
// BASE is root's alone. Thread: any; calls block on the disk.
#pragma once

#include "box/tree.h"

namespace cove::box {

struct BaseDir {
  std::string path;
  Tree run;
  Tree hooks;
};
// Made where it is missing. kDenied: somebody else's.
Result<BaseDir> OpenBase(const std::string& path);

// Keeps the seed of the server of images, which has ended: whoever copies it never meets a database
// that is written to.
Result<void> KeepSeed(const std::string& base);

class RunDir {
 public:
  // With the seed in its data directory.
  static Result<RunDir> Make(const BaseDir& base);
  RunDir(RunDir&&) = default;
  RunDir& operator=(RunDir&&) = delete;
  // Removes it; the audit log goes to BASE/audit.
  void Remove();

  std::string path() const { return base_ + "/run/" + id_; }
  std::string data() const { return path() + "/data"; }
  std::string log() const { return path() + "/server.log"; }
  // Held by whoever uses the directory: while it is, nobody takes it for left behind.
  int lock() const { return lock_.get(); }
  // Its path.
  Result<std::string> Write(const std::string& name, std::string_view text, mode_t mode) const;

 private:
  RunDir() = default;
  Result<void> Fill() const;
  std::string base_;
  std::string id_;
  UniqueFd lock_;
};

// The directories of boxes whose processes were killed; each has to be ended by a server before
// it is removed if `has_boxes`.
struct LeftOver {
  std::string id;
  UniqueFd lock;
  bool has_boxes = false;
};
std::vector<LeftOver> FindLeftOvers(const BaseDir& base);
void RemoveLeftOver(const BaseDir& base, const LeftOver& left);

}  // namespace cove::box
