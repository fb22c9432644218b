// Shares: the directories and files of this machine that every sandbox of this server sees, because
// its operator said so on the command line. No message of the front names one: whoever takes the
// front over gets no path of the host by it (docs/decisions/0090).
//
// Each is opened once, at start, without following any symbolic link, and held; what is at its path
// later makes no difference. Thread: any, after it is made.
#pragma once

#include <vector>

#include "runner/options.h"
#include "sandbox/driver.h"

namespace cove::runner {

class Shares {
 public:
  Shares() = default;
  // kDenied: a path that no sandbox may have: the root, what the kernel shows of itself, a part of
  // the system that is to be written, anything that holds or is in `data_dir`.
  // REQUIRES: after EnterMountNamespace().
  static Result<Shares> Open(const std::vector<ShareOption>& options, const std::string& data_dir);

  // Valid as long as this lives.
  std::vector<sandbox::BoxShare> ForBox() const { return shares_; }

 private:
  std::vector<sandbox::BoxShare> shares_;
  std::vector<UniqueFd> sources_;
};

}  // namespace cove::runner
