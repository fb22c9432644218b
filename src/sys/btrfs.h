// btrfs by its ioctls: subvolumes with a limit of their own.
//
// Every subvolume is a member of one group above them all, qgroup 1/0, which bounds their sum. What
// counts is data and metadata, so files without content are bounded, too.
// Sources: linux/btrfs.h, btrfs-quota(5), btrfs-ioctl(2). Thread-safe; calls are short unless they
// say that they wait for the disk.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::sys {

// Turns accounting on (that of kernel 6.7, which costs nearly nothing, else the older one) and
// bounds the sum of all subvolumes. On already: fine.
Result<void> EnableBtrfsQuota(int root);
Result<void> LimitBtrfsSum(int root, uint64_t bytes);

// A subvolume below `dir`, 0700 root, that may hold so many bytes; 0: no limit of its own.
// kConflict: the name is taken.
Result<void> MakeSubvolume(int dir, const std::string& name, uint64_t bytes);
Result<void> LimitSubvolume(int subvolume, uint64_t bytes);
// Bytes held, as of the last commit of the file system.
Result<uint64_t> SubvolumeUse(int subvolume);
// Out of sight at once, also with files open in it; the kernel takes the space back behind.
// Absent: fine.
Result<void> RemoveSubvolume(int dir, const std::string& name);

}  // namespace cove::sys
