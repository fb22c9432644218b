#include "sys/btrfs.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cstring>

namespace cove::sys {
namespace {

// BTRFS_QUOTA_CTL_ENABLE_SIMPLE_QUOTA of kernel 6.7, younger than the header may be.
constexpr uint64_t kEnableSimple = 4;
constexpr uint64_t kSumGroup = uint64_t{1} << 48;  // 1/0
constexpr uint64_t kLimitOfReferenced = 1;         // BTRFS_QGROUP_LIMIT_MAX_RFER
constexpr uint64_t kInheritSetLimits = 1;          // BTRFS_QGROUP_INHERIT_SET_LIMITS

Result<void> Limit(int fd, uint64_t group, uint64_t bytes) {
  btrfs_ioctl_qgroup_limit_args args{};
  args.qgroupid = group;
  args.lim.flags = kLimitOfReferenced;
  // All ones is "none".
  args.lim.max_rfer = bytes == 0 ? UINT64_MAX : bytes;
  if (ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &args) != 0) return Error::FromErrno("set a disk limit");
  return Ok();
}

Result<uint64_t> SubvolumeId(int subvolume) {
  btrfs_ioctl_ino_lookup_args args{};
  args.objectid = BTRFS_FIRST_FREE_OBJECTID;
  if (ioctl(subvolume, BTRFS_IOC_INO_LOOKUP, &args) != 0) {
    return Error::FromErrno("look up a subvolume");
  }
  return uint64_t{args.treeid};
}

}  // namespace

Result<void> EnableBtrfsQuota(int root) {
  btrfs_ioctl_quota_ctl_args args{};
  args.cmd = kEnableSimple;
  int done = ioctl(root, BTRFS_IOC_QUOTA_CTL, &args);
  if (done != 0 && errno == EINVAL) {
    args.cmd = BTRFS_QUOTA_CTL_ENABLE;
    done = ioctl(root, BTRFS_IOC_QUOTA_CTL, &args);
  }
  if (done != 0 && errno != EEXIST) return Error::FromErrno("turn btrfs quotas on");
  btrfs_ioctl_qgroup_create_args group{};
  group.create = 1;
  group.qgroupid = kSumGroup;
  if (ioctl(root, BTRFS_IOC_QGROUP_CREATE, &group) != 0 && errno != EEXIST) {
    return Error::FromErrno("make the group of all disk limits");
  }
  return Ok();
}

Result<void> LimitBtrfsSum(int root, uint64_t bytes) { return Limit(root, kSumGroup, bytes); }

Result<void> MakeSubvolume(int dir, const std::string& name, uint64_t bytes) {
  // One ioctl makes it, puts it into the group and limits it: no instant without a limit.
  alignas(btrfs_qgroup_inherit) char space[sizeof(btrfs_qgroup_inherit) + sizeof kSumGroup] = {};
  auto* inherit = reinterpret_cast<btrfs_qgroup_inherit*>(space);
  inherit->flags = bytes == 0 ? 0 : kInheritSetLimits;
  inherit->num_qgroups = 1;
  inherit->lim.flags = kLimitOfReferenced;
  inherit->lim.max_rfer = bytes;
  inherit->qgroups[0] = kSumGroup;
  btrfs_ioctl_vol_args_v2 args{};
  if (name.size() >= sizeof args.name) return Error(Code::kInvalid, "the name is too long");
  std::memcpy(args.name, name.data(), name.size());
  args.flags = BTRFS_SUBVOL_QGROUP_INHERIT;
  args.size = sizeof space;
  args.qgroup_inherit = inherit;
  if (ioctl(dir, BTRFS_IOC_SUBVOL_CREATE_V2, &args) != 0) {
    if (errno == EEXIST) return Error(Code::kConflict, name + " exists already");
    return Error::FromErrno("make subvolume " + name);
  }
  if (fchmodat(dir, name.c_str(), 0700, 0) != 0) return Error::FromErrno("chmod " + name);
  return Ok();
}

Result<void> LimitSubvolume(int subvolume, uint64_t bytes) {
  ASSIGN_OR_RETURN(const uint64_t id, SubvolumeId(subvolume));
  return Limit(subvolume, id, bytes);
}

Result<uint64_t> SubvolumeUse(int subvolume) {
  ASSIGN_OR_RETURN(const uint64_t id, SubvolumeId(subvolume));
  btrfs_ioctl_search_args args{};
  btrfs_ioctl_search_key& key = args.key;
  key.tree_id = BTRFS_QUOTA_TREE_OBJECTID;
  key.min_type = key.max_type = BTRFS_QGROUP_INFO_KEY;
  key.min_offset = key.max_offset = id;
  key.max_transid = UINT64_MAX;
  key.nr_items = 1;
  if (ioctl(subvolume, BTRFS_IOC_TREE_SEARCH, &args) != 0) {
    return Error::FromErrno("read what a subvolume holds");
  }
  btrfs_qgroup_info_item item{};
  if (key.nr_items == 0) return Error(Code::kNotFound, "the subvolume is not counted");
  std::memcpy(&item, args.buf + sizeof(btrfs_ioctl_search_header), sizeof item);
  return uint64_t{le64toh(item.rfer)};
}

Result<void> RemoveSubvolume(int dir, const std::string& name) {
  btrfs_ioctl_vol_args args{};
  if (name.size() >= sizeof args.name) return Error(Code::kInvalid, "the name is too long");
  std::memcpy(args.name, name.data(), name.size());
  if (ioctl(dir, BTRFS_IOC_SNAP_DESTROY, &args) != 0 && errno != ENOENT) {
    return Error::FromErrno("remove subvolume " + name);
  }
  return Ok();
}

}  // namespace cove::sys
