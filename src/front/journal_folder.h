// Where the journals of model calls lie: in memory that outlives the process (/dev/shm), in a
// folder for this data directory. Thread: one at a time.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::front {

class JournalFolder {
 public:
  JournalFolder() = default;
  // Removes the folder, if nothing is left in it.
  ~JournalFolder();
  JournalFolder(const JournalFolder&) = delete;

  // Makes it, or finds what a former process of `dir` has left; its name is kept in `dir`. It is
  // this object's alone for its life: where another process has it, as that of a copied data
  // directory, `dir` gets another one. Blocks. kDenied: somebody else has put something in its
  // place.
  Result<void> Open(const std::string& dir);
  const std::string& path() const { return path_; }  // empty: there is none

 private:
  std::string path_;
  UniqueFd lock_;  // of the folder
};

}  // namespace cove::front
