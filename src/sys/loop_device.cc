#include "sys/loop_device.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <optional>

#include "sys/small_file.h"

namespace cove::sys {
namespace {

constexpr int kTries = 64;  // others take free devices, too

std::optional<LoopDevice> FindAttached(const struct stat& image) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir("/sys/block"), closedir);
  while (const dirent* entry = dir ? readdir(dir.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (!name.starts_with("loop")) continue;
    if (access(("/sys/block/" + name + "/loop").c_str(), F_OK) != 0) continue;
    LoopDevice device;
    device.path = "/dev/" + name;
    device.fd = UniqueFd(open(device.path.c_str(), O_RDWR | O_CLOEXEC));
    // Asked of the open device: it cannot be detached from now on.
    loop_info64 info{};
    if (!device.fd || ioctl(device.fd.get(), LOOP_GET_STATUS64, &info) != 0) continue;
    if (info.lo_device == image.st_dev && info.lo_inode == image.st_ino) return device;
  }
  return std::nullopt;
}

}  // namespace

Result<LoopDevice> AttachLoop(int image) {
  struct stat st{};
  if (fstat(image, &st) != 0) return Error::FromErrno("stat the image");
  if (auto found = FindAttached(st)) return std::move(*found);
  ASSIGN_OR_RETURN(const UniqueFd control, Open("/dev/loop-control", O_RDWR));
  for (int i = 0; i < kTries; ++i) {
    const int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return Error::FromErrno("find a free loop device");
    LoopDevice device;
    device.path = "/dev/loop" + std::to_string(number);
    ASSIGN_OR_RETURN(device.fd, Open(device.path, O_RDWR));
    loop_config config{};
    config.fd = static_cast<uint32_t>(image);
    // Direct: what is in the page cache of the file system above need not be there twice.
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO;
    if (ioctl(device.fd.get(), LOOP_CONFIGURE, &config) == 0) return device;
    if (errno != EBUSY) return Error::FromErrno("attach the image to " + device.path);
  }
  return Error(Code::kExhausted, "no loop device could be had");
}

}  // namespace cove::sys
