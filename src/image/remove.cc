// RemoveTree: deletes what a sandbox may have built to be hard to delete.
#include <fcntl.h>

#include "base/text.h"
#include "image/dir.h"

namespace cove::image {
namespace {

// Deeper directories are moved up to the top of the tree first: neither the stack nor the table of
// descriptors grows with what a sandbox nests.
constexpr int kDepthMax = 64;

struct Remover {
  int top;  // where deep directories are moved to
  bool moved = false;

  Result<void> Remove(int parent, const std::string& name, int depth) {
    if (unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return Ok();
    if (errno != EISDIR && errno != EPERM) return Error::FromErrno("remove " + name);
    if (depth >= kDepthMax) {
      const std::string up = ".deep-" + RandomHex(8);
      if (renameat(parent, name.c_str(), top, up.c_str()) != 0) {
        return Error::FromErrno("move a deep directory");
      }
      moved = true;
      return Ok();
    }
    {
      ASSIGN_OR_RETURN(const UniqueFd dir, OpenDir(parent, name));
      ASSIGN_OR_RETURN(const auto names, SortedNames(dir.get()));
      for (const std::string& child : names) RETURN_IF_ERROR(Remove(dir.get(), child, depth + 1));
    }
    if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
      return Error::FromErrno("remove directory " + name);
    }
    return Ok();
  }
};

}  // namespace

Result<void> RemoveTree(int parent, const std::string& name) {
  if (unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return Ok();
  if (errno != EISDIR && errno != EPERM) return Error::FromErrno("remove " + name);
  ASSIGN_OR_RETURN(const UniqueFd top, OpenDir(parent, name));
  Remover remover{top.get()};
  do {
    remover.moved = false;
    ASSIGN_OR_RETURN(const auto names, SortedNames(top.get()));
    for (const std::string& child : names) RETURN_IF_ERROR(remover.Remove(top.get(), child, 0));
  } while (remover.moved);
  if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return Error::FromErrno("remove directory " + name);
  }
  return Ok();
}

}  // namespace cove::image
