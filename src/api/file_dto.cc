#include "api/file_dto.h"

#include <sys/stat.h>

#include "api/utf8.h"
#include "base/clock.h"

namespace cove::api {
namespace {

char TypeLetter(uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return 'd';
    case S_IFLNK:
      return 'l';
    case S_IFIFO:
      return 'p';
    case S_IFSOCK:
      return 's';
    case S_IFCHR:
      return 'c';
    case S_IFBLK:
      return 'b';
    default:
      return '-';
  }
}

std::string OctalText(uint32_t mode) {
  std::string out = "0000";
  for (size_t i = 0; i < 4; ++i) out[3 - i] = static_cast<char>('0' + ((mode >> (3 * i)) & 7));
  return out;
}

}  // namespace

std::string ModeText(uint32_t mode) {
  std::string out(1, TypeLetter(mode));
  for (int shift = 6; shift >= 0; shift -= 3) {
    const uint32_t bits = (mode >> shift) & 7;
    out += (bits & 4) != 0 ? 'r' : '-';
    out += (bits & 2) != 0 ? 'w' : '-';
    out += (bits & 1) != 0 ? 'x' : '-';
  }
  if ((mode & S_ISUID) != 0) out[3] = out[3] == 'x' ? 's' : 'S';
  if ((mode & S_ISGID) != 0) out[6] = out[6] == 'x' ? 's' : 'S';
  if ((mode & S_ISVTX) != 0) out[9] = out[9] == 'x' ? 't' : 'T';
  return out;
}

json::Object FileDto(const proto::toolbox::FileInfo& file, FilePath show_path) {
  const std::string modified = FormatIso(WallTime{file.modified_us});
  json::Object out;
  out["name"] = LossyUtf8(file.name);
  out["size"] = file.size;
  out["mode"] = ModeText(file.mode);
  out["modTime"] = modified;
  out["modifiedAt"] = modified;
  out["isDir"] = (file.mode & S_IFMT) == S_IFDIR;
  out["owner"] = std::to_string(file.uid);
  out["group"] = std::to_string(file.gid);
  out["permissions"] = OctalText(file.mode & 07777);
  if (show_path == FilePath::kShow) out["path"] = LossyUtf8(file.path);
  return out;
}

}  // namespace cove::api
