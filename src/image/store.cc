#include "image/store.h"

#include <fcntl.h>
#include <stdio.h>

#include <algorithm>

#include "base/text.h"
#include "image/dir.h"
#include "log/log.h"

namespace cove::image {
namespace {

constexpr uint32_t kMetaVersion = 1;
constexpr size_t kMetaMax = 256 * 1024;
constexpr std::string_view kTemporary = ".new-";

struct ImageMeta {
  uint32_t version = kMetaVersion;
  ImageInfo info;
  template <class A>
  void Fields(A& a) {
    a(version, info);
  }
};

}  // namespace

bool IsImageId(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Result<ImageInfo> ReadImage(int images_dir, const ImageId& id) {
  if (!IsImageId(id.value)) return Error(Code::kInvalid, "'" + id.value + "' is not an image id");
  const auto dir = OpenDir(images_dir, id.value);
  if (!dir) return Error(Code::kNotFound, "there is no image " + id.value);
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(dir->get(), "meta", kMetaMax));
  ASSIGN_OR_RETURN(auto meta, proto::Decode<ImageMeta>(text));
  if (meta.version != kMetaVersion || meta.info.id != id) {
    return Error(Code::kInternal, "image " + id.value +
                                      " was written by another version of Cove: start that one, "
                                      "or move the image's directory away");
  }
  return std::move(meta.info);
}

Result<std::vector<ImageInfo>> ListImages(int images_dir) {
  ASSIGN_OR_RETURN(const auto names, SortedNames(images_dir));
  std::vector<ImageInfo> out;
  for (const std::string& name : names) {
    if (!IsImageId(name)) continue;
    auto info = ReadImage(images_dir, ImageId(name));
    if (info) {
      out.push_back(*std::move(info));
    } else {
      log::Warn("image.damaged", {{"image", name}, {"why", info.error().message()}});
    }
  }
  return out;
}

Result<void> TrashImage(int images_dir, const ImageId& id, int trash_dir) {
  const std::string away = "image-" + RandomHex(8);
  if (renameat(images_dir, id.value.c_str(), trash_dir, away.c_str()) != 0) {
    if (errno == ENOENT) return Error(Code::kNotFound, "there is no image " + id.value);
    return DiskError("remove image " + id.value);
  }
  return Ok();
}

Result<void> TrashUnfinished(int images_dir, int trash_dir) {
  ASSIGN_OR_RETURN(const auto names, SortedNames(images_dir));
  for (const std::string& name : names) {
    if (!name.starts_with(kTemporary)) {
      if (!IsImageId(name)) log::Warn("image.stranger", {{"name", name}});
      continue;
    }
    const std::string away = "unfinished-" + RandomHex(8);
    if (renameat(images_dir, name.c_str(), trash_dir, away.c_str()) != 0) {
      return DiskError("remove unfinished image " + name);
    }
  }
  return Ok();
}

Result<NewImage> NewImage::Begin(int images_dir) {
  UniqueFd images(openat(images_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!images) return Error::FromErrno("open the images directory");
  std::string name = std::string(kTemporary) + RandomHex(8);
  ASSIGN_OR_RETURN(UniqueFd dir, MakeDir(images.get(), name, 0700));
  auto root = MakeDir(dir.get(), "root", 0755);
  if (!root || fchmod(root->get(), 0755) != 0) {
    if (auto gone = RemoveTree(images.get(), name); !gone) errno = ENOSPC;
    return DiskError("make an image");
  }
  return NewImage(std::move(images), std::move(name), std::move(dir), *std::move(root));
}

NewImage::NewImage(UniqueFd images, std::string name, UniqueFd dir, UniqueFd root)
    : images_(std::move(images)),
      name_(std::move(name)),
      dir_(std::move(dir)),
      root_(std::move(root)) {}

NewImage::NewImage(NewImage&& other) noexcept
    : images_(std::move(other.images_)),
      name_(std::exchange(other.name_, {})),
      dir_(std::move(other.dir_)),
      root_(std::move(other.root_)) {}

NewImage::~NewImage() {
  if (name_.empty()) return;
  if (auto gone = RemoveTree(images_.get(), name_); !gone) {
    log::Warn("image.leftover", {{"name", name_}, {"why", gone.error().message()}});
  }
}

Result<ImageInfo> NewImage::Commit(const ImageId& id, std::vector<ImageId> below,
                                   uint64_t bytes) && {
  ImageMeta meta;
  meta.info.id = id;
  meta.info.layers = std::move(below);
  meta.info.layers.push_back(id);
  meta.info.bytes = bytes;
  RETURN_IF_ERROR(WriteNewFile(dir_.get(), "meta", proto::Encode(meta), 0600, 0, 0));
  // The rename must not reach the disk before the files do.
  if (syncfs(dir_.get()) != 0) return DiskError("sync the image");
  if (renameat2(images_.get(), name_.c_str(), images_.get(), id.value.c_str(), RENAME_NOREPLACE) !=
      0) {
    if (errno == EEXIST) return ReadImage(images_.get(), id);
    return DiskError("name the image");
  }
  name_.clear();
  if (fsync(images_.get()) != 0) return DiskError("sync the images directory");
  return std::move(meta.info);
}

}  // namespace cove::image
