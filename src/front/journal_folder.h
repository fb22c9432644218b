// Where the journals of model calls lie: in memory that outlives the process (/dev/shm), in a
// folder for this data directory. Thread: one at a time.
#pragma once

#include <string>

#include "base/result.h"

namespace cove::front {

class JournalFolder {
 public:
  JournalFolder() = default;
  // Removes the folder, if nothing is left in it.
  ~JournalFolder();
  JournalFolder(const JournalFolder&) = delete;

  // Makes it, or finds what a former process of `dir` has left; its name is kept in `dir`. Blocks.
  // kDenied: somebody else has put something in its place.
  Result<void> Open(const std::string& dir);
  const std::string& path() const { return path_; }  // empty: there is none

 private:
  std::string path_;
};

}  // namespace cove::front
