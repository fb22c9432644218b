// A set of TCP ports. Text: "443", "8000-8100", "*" for all; lists are separated by commas.
// Thread: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace cove::policy {

inline constexpr size_t kPortRangesMax = 64;

class PortSet {
 public:
  static PortSet All();
  static PortSet Of(uint16_t first, uint16_t last);
  // kInvalid names the part that is no port.
  static Result<PortSet> Parse(std::string_view text);

  // Both are sets of 1 to 65535; `other` becomes part of this.
  void Add(const PortSet& other);
  bool Contains(uint16_t port) const;
  bool empty() const { return ranges_.empty(); }
  bool all() const;
  size_t ranges() const { return ranges_.size(); }
  std::string ToString() const;
  bool operator==(const PortSet&) const = default;

 private:
  std::vector<std::pair<uint16_t, uint16_t>> ranges_;  // sorted, not touching
};

}  // namespace cove::policy
