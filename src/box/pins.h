// Files that decide something for the box and lie where the agent can write.
//
// Such a file counts only as its owner approved it: the SHA-256 of what was approved is kept in
// `pins`, a directory of root's, and what is used are the very bytes that were compared. Thread:
// any; calls block on the disk.
#pragma once

#include "box/consent.h"
#include "box/tree.h"

namespace cove::box {

struct Pinned {
  std::string key;   // what is approved, the same in every run
  std::string path;  // for people
  std::string text;
  std::string use;  // "run it in the sandbox"
};

// Asks if it is not as it was approved, or never was; an error if the answer is no.
Result<void> AskUnlessPinned(const Tree& pins, const Pinned& file, const Consent& consent);
// Its owner's approval.
Result<void> Pin(const Tree& pins, const Pinned& file);

}  // namespace cove::box
