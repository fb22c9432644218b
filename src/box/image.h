// BoxImage: what boxes are made from: the host's image with Codex of one version, kept in a data
// directory of its own so that the second start is quick. One program makes it, others wait.
//
// Its name and version are the wrapper's: NAME[:TAG] of CODEX_DOCKER_IMAGE, a version from
// --codex-version, CODEX_VERSION, the tag, else the one that Cove is tested with; "latest" asks
// npm. Thread: loop-confined.
#pragma once

#include <functional>

#include "async/task.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "box/args.h"
#include "box/tree.h"
#include "box/world.h"

namespace cove::box {

using async::Task;

struct ImageName {
  std::string repository;  // "codex-sandbox"
  std::string tag;         // may be empty
};
// A colon before a slash belongs to a registry's port.
ImageName ParseImageName(const std::string& text);

struct ImageWish {
  std::string repository;
  std::string version;  // as npm has it: "0.169.0"
};
// kInvalid: a version that is none. kUnavailable: npm cannot tell the latest; with
// ALLOW_REMOTE_IMAGE_PULL=1 the newest image below `base` then has to do, and `warning` says so.
Result<ImageWish> WishedImage(const Args& args, const World& world, const Tree& project,
                              const std::string& base, std::string* warning);

struct BoxImage {
  std::string snapshot;  // its name in `data`
  std::string data;      // the data directory that has it
  UniqueFd lock;         // while it is open, nobody removes images
};
using OnProgress = std::function<void(std::string_view line)>;
// `base` is COVE_BOX_DIR.
Task<Result<BoxImage>> EnsureImage(ImageWish wish, std::string base, OnProgress say);

}  // namespace cove::box
