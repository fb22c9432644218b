// The `host` image: the machine's own programs as the root file system of sandboxes.
//
// What is taken: /usr whole, the links that merge it into / (/bin, /lib, ...), an allowlist of
// /etc, and the package database. Nothing that an ordinary user of the host could not read is ever
// taken, and settings lose their lines with credentials (secrets.h). No homes, no run or var data.
//
// It is captured once: files of /usr become hard links where image and host share a file system
// (an upgrade renames new files into place, so a capture keeps what it saw), else reflinks, else
// copies; what comes from /etc is copied, because editors write in place. The image's id is the
// SHA-256 of the sorted manifest: path, type, mode, owner, size, times and inode, or content where
// we write it. The times exclude ctime, which making a hard link changes. See docs/decisions/0021.
//
// Runs in the worker: it blocks for seconds and forks nothing. Thread: any.
#pragma once

#include <string>

#include "base/result.h"
#include "image/copy_tree.h"
#include "proto/runner.h"

namespace cove::image {

struct HostSource {
  std::string root = "/";  // tests capture a tree of their own
  // PEM certificates that the image trusts besides the host's own, or nothing.
  std::string trust;
};

// Captures into images_dir/<id> if it is not there yet. `images_dir` is an open directory that is
// reached through the same mount as the source, or hard links cannot be made and copies are.
// kExhausted: the disk of `images_dir` would have less than `keep_free` bytes left.
// REQUIRES: effective uid 0.
Result<proto::runner::ImageInfo> CaptureHost(const HostSource& source, int images_dir,
                                             uint64_t keep_free, const Progress& progress);

}  // namespace cove::image
