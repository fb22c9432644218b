// The images on disk: images/<id>/{root,meta}. An image appears whole (written under another name,
// synced, renamed) or not at all. Thread: any; calls block on the disk.
//
// meta is proto::Encode of ImageMeta, so a reader of another version refuses it.
#pragma once

#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "proto/runner.h"

namespace cove::image {

using proto::runner::ImageInfo;

// 64 lower-case hex digits.
bool IsImageId(std::string_view text);

// kNotFound when there is none.
Result<ImageInfo> ReadImage(int images_dir, const ImageId& id);
// All that are whole. What is damaged is left out and named in the log.
Result<std::vector<ImageInfo>> ListImages(int images_dir);

// Moves the image into the trash directory under a fresh name; it is gone for readers at once.
Result<void> TrashImage(int images_dir, const ImageId& id, int trash_dir);

// Half-made images of a process that died go to the trash, and nothing else does: what has the name
// of an image got it after it was whole on the disk, whether it can be read now or not.
// REQUIRES: no NewImage is under way.
Result<void> TrashUnfinished(int images_dir, int trash_dir);

// An image being written. Dropped without Commit(), it leaves nothing behind.
class NewImage {
 public:
  static Result<NewImage> Begin(int images_dir);
  NewImage(NewImage&&) noexcept;
  NewImage& operator=(NewImage&&) = delete;
  ~NewImage();

  int root() const { return root_.get(); }
  // `below` are the layers under it, lowest first. If the same image exists already, that one is
  // given and this one is dropped.
  Result<ImageInfo> Commit(const ImageId& id, std::vector<ImageId> below, uint64_t bytes) &&;

 private:
  NewImage(UniqueFd images, std::string name, UniqueFd dir, UniqueFd root);
  UniqueFd images_;
  std::string name_;  // empty once committed
  UniqueFd dir_;
  UniqueFd root_;
};

}  // namespace cove::image
