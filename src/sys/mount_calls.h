// The new mount API as plain system calls: glibc's wrappers and the kernel's header do not go
// together on every system. Every function is async-signal-safe and returns what the kernel does
// (-1 and errno). Sources: fsopen(2), open_tree(2), move_mount(2), mount_setattr(2), openat2(2).
#pragma once

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace cove::sys {

inline constexpr int kMntDetach = 2;  // MNT_DETACH of umount2(2)

inline int FsOpen(const char* type) {
  return static_cast<int>(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
}

// value == nullptr sets a flag.
inline int FsConfig(int fs, const char* key, const char* value) {
  const auto command = value == nullptr ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
  return static_cast<int>(syscall(SYS_fsconfig, fs, command, key, value, 0));
}

inline int FsCreate(int fs) {
  return static_cast<int>(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0));
}

// `attributes`: MOUNT_ATTR_*. Gives a descriptor of the detached mount.
inline int FsMount(int fs, unsigned attributes) {
  return static_cast<int>(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes));
}

inline int OpenTree(int dir, const char* path, unsigned flags) {
  return static_cast<int>(syscall(SYS_open_tree, dir, path, flags));
}

// Attaches the mount of descriptor `mount` where `dir` and `path` say; an empty path is dir itself.
inline int AttachMount(int mount, int dir, const char* path) {
  const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (*path == '\0' ? MOVE_MOUNT_T_EMPTY_PATH : 0);
  return static_cast<int>(syscall(SYS_move_mount, mount, "", dir, path, flags));
}

inline int MountSetAttr(int dir, const char* path, unsigned flags, mount_attr* attr) {
  return static_cast<int>(syscall(SYS_mount_setattr, dir, path, flags, attr, sizeof *attr));
}

inline int PivotRoot(const char* new_root, const char* old_root) {
  return static_cast<int>(syscall(SYS_pivot_root, new_root, old_root));
}

// openat2 that follows no symbolic link and does not leave `dir`.
inline int OpenBeneath(int dir, const char* path, int flags) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(syscall(SYS_openat2, dir, path, &how, sizeof how));
}

}  // namespace cove::sys
