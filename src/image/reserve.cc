#include "image/reserve.h"

#include <sys/statvfs.h>

#include "proto/room.h"

namespace cove::image {

Result<void> Reserve::Look() {
  written_ = 0;
  struct statvfs st{};
  if (bytes_ == 0) return Ok();
  if (fstatvfs(fd_, &st) != 0) return Error::FromErrno("look at the space of the data disk");
  return proto::CheckReserve(uint64_t{st.f_bavail} * st.f_frsize, bytes_);
}

Result<void> Reserve::Wrote(uint64_t bytes) {
  written_ += bytes;
  return written_ < kLookEvery ? Ok() : Look();
}

}  // namespace cove::image
