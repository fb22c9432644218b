// Copies what a sandbox wrote (the upper directory of a stopped box) and computes its identity.
//
// Kept: types, modes, owners, times, hard links, holes, whiteouts, ACLs, file capabilities and
// `user.*` attributes, those of overlayfs included. Dropped: `trusted.*`, other `security.*`,
// sockets, and devices other than whiteouts, which no sandbox can make.
// Thread: any; blocks on the disk. REQUIRES: nobody writes to either tree meanwhile.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "image/dir.h"
#include "image/sha256.h"

namespace cove::image {

using Progress = std::function<void(std::string_view line)>;

// Copies the content and attributes of directory `from` into the empty directory `to`; adds every
// entry to `hash`. Gives the number of data bytes. kInvalid: nested deeper than 1000 directories.
// kExhausted: the disk is full, or less than `reserve` would be free of it; or more files have
// several names than are kept in mind.
Result<uint64_t> CopyTree(int from, int to, Sha256& hash, const Progress& progress,
                          Reserve reserve);

}  // namespace cove::image
