// Files that Cove itself puts into every root file system: the helper programs and the settings
// that make a machine out of /usr (users, names, resolver). Their content is part of an image's
// identity. Thread: pure functions.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cove::image {

struct GuestFile {
  enum class Kind : uint8_t { kDirectory, kRegular, kSymlink };
  std::string path;  // relative to the root, without a leading slash
  Kind kind = Kind::kRegular;
  mode_t mode = 0644;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string content;  // of a file; the target of a link
};

inline constexpr uid_t kUserUid = 1000;
inline constexpr std::string_view kUserName = "daytona";
inline constexpr std::string_view kUserHome = "home/daytona";

// Helper programs: `cove-serve`.
std::vector<GuestFile> HelperFiles();

// Directories that must be there and are empty: /var, /tmp, /home/daytona, mount points.
std::vector<GuestFile> SkeletonFiles();

// /etc as Cove makes it: users and groups from the host's own (system ones only, without secrets),
// host names, resolver, sudo.
std::vector<GuestFile> EtcFiles(std::string_view host_passwd, std::string_view host_group);

// The two that EtcFiles() derives, for tests.
std::string GuestPasswd(std::string_view host_passwd);
std::string GuestGroup(std::string_view host_group);

}  // namespace cove::image
