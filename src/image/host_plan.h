// What the host image takes from the host besides /usr. Data only; see host_capture.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cove::image {

enum class Taking {
  kLink,         // as it is, by hard link where possible
  kCopy,         // as it is, but never shared with the host
  kDropSecrets,  // without the lines that hold credentials
};

struct Part {
  std::string_view path;  // relative to the root; a last component ending in '*' is a prefix
  Taking taking = Taking::kCopy;
};

// In the order taken; parents are made as needed.
const std::vector<Part>& HostParts();

// Names below a part that are never taken, as paths relative to the root.
bool IsExcluded(std::string_view path);
// Programs of distributions that sandboxes need, and that some hosts let nobody read: what is in
// them is no secret.
bool IsPublicThoughUnreadable(std::string_view path);

}  // namespace cove::image
