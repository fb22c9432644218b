// RowFilter: a brake for what a sandbox can repeat without end. It decides which denials become
// audit rows: the same key once per window, and never more rows than its rate; what is left out is
// counted and told with the next row or at the end, so a loop cannot flood the audit and cannot
// hide in it either.
// Thread: loop-confined.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/rate_limit.h"

namespace cove::gateway {

class RowFilter {
 public:
  static constexpr size_t kKeysMax = 512;
  static constexpr Duration kWindow = seconds(60);

  // How many were left out since the last row when this one is to be written; nothing when it is
  // to be left out. An empty key is never a repetition.
  std::optional<uint64_t> Admit(const std::string& key, TimePoint now);

  // How many were left out that no row has told of.
  uint64_t TakeLeftOut() { return std::exchange(left_out_, 0); }

 private:
  RateLimit rate_{20, 200};
  uint64_t left_out_ = 0;
  TimePoint swept_{};
  std::unordered_map<std::string, TimePoint> seen_;
};

}  // namespace cove::gateway
