// Strong ids: a SandboxId is not an ImageId, though both are text.
#pragma once

#include <functional>
#include <string>
#include <utility>

namespace cove {

template <class Tag>
struct StrongId {
  std::string value;
  StrongId() = default;
  explicit StrongId(std::string v) : value(std::move(v)) {}
  bool empty() const { return value.empty(); }
  auto operator<=>(const StrongId&) const = default;
};

using SandboxId = StrongId<struct SandboxTag>;  // a UUID in lower case
using ImageId = StrongId<struct ImageTag>;      // content address: 64 hex digits
using OrgId = StrongId<struct OrgTag>;

}  // namespace cove

template <class Tag>
struct std::hash<cove::StrongId<Tag>> {
  size_t operator()(const cove::StrongId<Tag>& id) const noexcept {
    return std::hash<std::string>()(id.value);
  }
};
